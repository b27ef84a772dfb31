//! Containers: what the host is for.

use std::fs;

use crate::host::Host;
use crate::world::{Change, Extent, World, world};

/// A program that needs no library, as every root of glibc has one.
const PROGRAM: &str = "/usr/sbin/ldconfig";

/// An image of one program, as the Open Container Initiative's layout in a tar archive.
fn image(world: &World) -> Vec<u8> {
    let folder = world.folder.join("oci");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    let script = format!(
        r#"mkdir -p root/bin blobs/sha256; cp {PROGRAM} root/bin/probe
        tar --numeric-owner --owner=0 --group=0 -C root -cf layer bin
        put() {{ set -- $1 $(sha256sum < $1) $(wc -c < $1); mv $1 blobs/sha256/$2; digest=sha256:$2 size=$4; }}
        put layer; layer=$digest layer_size=$size
        printf '{{"architecture":"amd64","os":"linux","config":{{"Cmd":["/bin/probe"]}},"rootfs":{{"type":"layers","diff_ids":["%s"]}}}}' $layer > config
        put config
        printf '{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%s}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%s}}]}}' $digest $size $layer $layer_size > manifest
        put manifest
        printf '{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%s,"annotations":{{"io.containerd.image.name":"localhost/probe:1"}}}}]}}' $digest $size > index.json
        printf '{{"imageLayoutVersion":"1.0.0"}}' > oci-layout
        tar --numeric-owner --owner=0 --group=0 -cf image.tar oci-layout index.json blobs"#
    );
    world.judge(&folder, &script);
    fs::read(folder.join("image.tar")).unwrap()
}

#[test]
fn a_container_runs_without_a_network_and_reads_nothing_of_the_host() {
    let Some(world) = world(Extent::Short) else { return };
    let version = world.version("1.0", Change::None);
    let mut host = Host::new(world, &version.disk, "containers");
    host.boot();
    host.ask("systemctl is-active containerd");
    host.put("/var/tmp/probe.tar", &image(world));
    host.ask("ctr images import /var/tmp/probe.tar");
    let said = host.ask("ctr run --rm localhost/probe:1 one /bin/probe --version");
    assert!(said.contains("ldconfig"), "{said}");
    // Its root is its own: the host's files are not there.
    let answer = host.run("ctr run --rm localhost/probe:1 two /usr/bin/bash -c true");
    assert_ne!(answer.status, 0, "{}", answer.text);
    // After a restart it is still there, though the system is another one each time.
    host.switch_off();
    host.boot();
    host.ask("ctr run --rm localhost/probe:1 three /bin/probe --version");
    host.switch_off();
}
