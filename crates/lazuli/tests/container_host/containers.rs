//! Containers: what the host is for.

use std::fs;

use testkit::http::Server;

use crate::host::Host;
use crate::update::to_guest;
use crate::world::{Change, Extent, World, world};

/// A program that needs no library, as every root of glibc has one.
const PROGRAM: &str = "/usr/sbin/ldconfig";
/// A shell, for it speaks TCP, and what it needs.
const SHELL: &str = "/usr/bin/bash";

/// An image of one program, as the Open Container Initiative's layout in a tar archive.
pub fn image(world: &World) -> Vec<u8> {
    let folder = world.folder.join("oci");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    let script = format!(
        r#"mkdir -p root/bin blobs/sha256; cp {PROGRAM} root/bin/probe; cp {SHELL} root/bin/shell
        ldd {SHELL} | grep -o '/[^ ]*' | while read library; do install -D $library root$library; done
        tar --numeric-owner --owner=0 --group=0 -C root -cf layer .
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

/// A container with a network of its own speaks with a server outside.
pub fn reach(host: &Host, server: &Server) {
    let address = to_guest(server, "/nothing");
    let address = address.trim_start_matches("http://").split('/').next().unwrap().replace(':', "/");
    let script = format!(
        "exec 3<>/dev/tcp/{address} && printf 'GET /nothing HTTP/1.1\\r\\n\\r\\n' >&3 && read line <&3 && echo \"$line\""
    );
    let before = server.seen().len();
    let said =
        host.ask(&format!("ctr run --rm --cni localhost/probe:1 net /bin/shell -c {}", quoted(&script)));
    assert!(said.contains("HTTP/1.1 404"), "{said}");
    assert_eq!(server.seen()[before].path, "/nothing");
}

fn quoted(script: &str) -> String {
    format!("'{}'", script.replace('\'', "'\\''"))
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
    // It has the usual devices, and memory to share.
    let said = host.ask(
        "ctr run --rm localhost/probe:1 devices /bin/shell -c \
         'echo lost > /dev/null && echo kept > /dev/shm/file && read line < /dev/shm/file && echo $line'",
    );
    assert_eq!(said, "kept");
    // Its root is its own: the host's files are not there.
    let answer = host.run("ctr run --rm localhost/probe:1 two /usr/bin/bash -c true");
    assert_ne!(answer.status, 0, "{}", answer.text);
    // With a network it reaches the world outside the host.
    let server = Server::start(&world.folder).unwrap();
    reach(&host, &server);
    assert_eq!(host.denials(), "");
    // After a restart it is still there, though the system is another one each time.
    host.switch_off();
    host.boot();
    host.ask("ctr run --rm localhost/probe:1 three /bin/probe --version");
    host.switch_off();
}
