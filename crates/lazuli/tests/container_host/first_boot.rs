//! What a host is told at its first boot, it is; at its second it is told nothing; and it forgets when it is asked to.

use crate::host::Host;
use crate::update::restarted;
use crate::world::{Change, Extent, world};

const IGNITION: &str = r#"{
    "ignition": { "version": "3.3.0" },
    "passwd": { "users": [{ "name": "core", "groups": ["adm"], "sshAuthorizedKeys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBoqqCkzQMIz3K0pOeQ4VAp3q1HK2RlIgi1sUlYwgQV1 core"] }] },
    "storage": { "files": [
        { "path": "/etc/hostname", "mode": 420, "overwrite": true, "contents": { "source": "data:,ignited.example" } },
        { "path": "/var/lib/ignited", "mode": 384, "contents": { "source": "data:,once" } }
    ] },
    "systemd": { "units": [{
        "name": "told.service", "enabled": true,
        "contents": "[Service]\nType=oneshot\nExecStart=/usr/bin/touch /run/told\n[Install]\nWantedBy=multi-user.target\n"
    }] }
}"#;

#[test]
fn ignition_is_done_once_and_credentials_each_time_and_etc_is_reset_when_asked() {
    let Some(world) = world(Extent::All) else { return };
    let version = world.version("1.0", Change::None);
    let mut host = Host::new(world, &version.disk, "first-boot");
    host.ignite(IGNITION);
    host.credential("tmpfiles.extra", "f /run/from-a-credential 0600 - - - told\n");
    host.boot();
    println!(
        "{}",
        host.run("systemctl is-system-running --wait; systemctl --failed --no-legend --plain").text
    );
    assert_eq!(host.ask("hostnamectl hostname"), "ignited.example");
    assert_eq!(host.ask("cat /var/lib/ignited; stat -c %a /var/lib/ignited"), "once600");
    assert!(host.ask("id core").contains("adm"));
    assert!(
        host.ask("cat ~core/.ssh/authorized_keys ~core/.ssh/authorized_keys.d/* 2>/dev/null || true")
            .contains(" core")
    );
    host.ask("test -e /run/told");
    assert_eq!(host.ask("cat /run/from-a-credential"), "told");

    host.ask("echo changed > /var/lib/ignited; sync");
    host.switch_off();
    host.boot();
    assert_eq!(host.ask("cat /var/lib/ignited; hostnamectl hostname"), "changed\nignited.example");
    assert_eq!(host.ask("cat /run/from-a-credential"), "told");
    host.ask("test -e /run/told");

    // What was changed of /etc is gone when that is asked for, and nothing else; it is not the first boot again.
    host.ask("rm /etc/issue && echo more > /etc/more && echo >> /etc/hosts");
    // As when the next version is the first that has this folder.
    let label = host.ask("stat -c %C /var/srv && rmdir /var/srv");
    restarted(&mut host, "lazuli-agent etc reset --reboot");
    assert_eq!(host.ask("hostnamectl hostname; cat /var/lib/ignited"), "lazuli\nchanged");
    assert_eq!(host.ask("test \"$(< /etc/issue)\" = \"$(< /run/lazuli/image/etc/issue)\" && test ! -e /etc/more && systemctl is-system-running --wait"), "running");
    assert_ne!(host.run("id core").status, 0);
    assert_eq!(host.ask("stat -c %C /var/srv"), label);
    host.switch_off();
}
