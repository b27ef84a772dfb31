//! Repositories judged by the reference client of The Update Framework, which is not ours.

use std::path::Path;

use host_tools::{Bind, Call, Sandbox};
use release_repository::RoleName;
use testkit::prepared;

use crate::world::{World, files};

/// Follows the repository from the first root, fetches every target that is asked for, and says what stopped it.
const CLIENT: &str = r#"
import datetime, os, sys, tempfile
from urllib.parse import unquote, urlparse
from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

class Folder(FetcherInterface):
    def _fetch(self, url):
        path = unquote(urlparse(url).path)
        if not os.path.exists(path):
            raise DownloadHTTPError(path, 404)
        file = open(path, "rb")
        return iter(lambda: file.read(1 << 20), b"")

with tempfile.TemporaryDirectory(dir="/run") as cache:
    with open("/mnt/metadata/1.root.json", "rb") as root:
        client = Updater(cache, "file:///mnt/metadata/", cache, "file:///mnt/targets/", fetcher=Folder(), bootstrap=root.read())
    client._trusted_set.reference_time = datetime.datetime.fromtimestamp(int(sys.argv[1]), datetime.timezone.utc)
    try:
        client.refresh()
        print("root", client._trusted_set.root.version)
        for name in sys.argv[2:]:
            target = client.get_targetinfo(name)
            print(name, target and os.path.getsize(client.download_target(target)))
    except Exception as error:
        print(type(error).__name__)
"#;

fn client(judges: &Path, world: &World, now: u64, targets: &[&str]) -> String {
    let sandbox = Sandbox::new(judges).bind(Bind::read_only(world.path(), "/mnt"));
    let call = Call::new("python3").args(["-c", CLIENT, &now.to_string()]).args(targets.iter().copied());
    sandbox.run(&call.env("PYTHONDONTWRITEBYTECODE", "1")).unwrap().stdout_text()
}

#[test]
fn the_reference_client_follows_versions_channels_and_new_keys() {
    let Some(judges) = prepared::judge_root() else { return };
    let world = World::published();
    world.add("1");
    world.promote("1");
    let targets = ["host_1_x86-64.root.erofs", "host_x86-64.stable.channel.json", "absent"];
    let length = world.channel().unwrap().len();
    let expected =
        format!("host_1_x86-64.root.erofs 8192\nhost_x86-64.stable.channel.json {length}\nabsent None\n");
    assert_eq!(client(&judges, &world, world.now, &targets), format!("root 1\n{expected}"));
    // All keys are exchanged, by ECDSA keys.
    let mut next = world.read();
    for role in RoleName::ALL {
        let old = if role <= RoleName::Targets { role.as_str() } else { "online" };
        next = next.add_key(role, &world.public(&format!("ec-{old}")), None, world.now).unwrap();
        next = next.remove_key(role, world.public(old).id(), None, world.now).unwrap();
    }
    assert_eq!(world.sign(&next, &["root", "ec-root", "ec-targets", "ec-online"]), []);
    assert_eq!(client(&judges, &world, world.now, &targets), format!("root 2\n{expected}"));
}

#[test]
fn the_reference_client_refuses_what_inspection_finds() {
    let Some(judges) = prepared::judge_root() else { return };
    let mut world = World::published();
    world.add("1");
    let now = world.now;
    assert_eq!(client(&judges, &world, now, &[]), "root 1\n");
    world.now += 8 * crate::world::DAY;
    assert_eq!(world.problems().len(), 1);
    assert_eq!(client(&judges, &world, world.now, &[]), "ExpiredMetadataError\n");
    world.now = now;
    let (name, bytes) =
        files(&world.path()).into_iter().find(|(name, _)| name.ends_with("2.targets.json")).unwrap();
    let changed = String::from_utf8(bytes).unwrap().replace("8192", "8193");
    std::fs::write(world.path().join(name), changed).unwrap();
    assert_eq!(world.problems().len(), 1);
    assert_eq!(client(&judges, &world, now, &[]), "LengthOrHashMismatchError\n");
}
