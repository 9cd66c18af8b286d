//! The command that starts a member that was added.

use super::place::KnownCluster;
use super::text::{Member, Members};
use crate::shell;
use quorate_contract::Address;
use std::fs;
use std::path::{Path, PathBuf};

/// What to run where `member` is to be, as lines to show: `serve --join` with the endpoints of the
/// members that run, the member's name, its addresses, and a directory that must be empty.
///
/// `old` is the member whose place it takes, if it is known.
pub(super) fn instructions(
    place: &KnownCluster,
    members: &Members,
    member: &Member,
    name: &str,
    old: Option<&Member>,
) -> String {
    let data = place.data(name);
    let mut lines = vec!["start it with:".to_owned()];
    if let Some(aside) = aside(&data, member.id) {
        // Its data may still be wanted, if only to see what went wrong.
        let (data, aside) = (shell::path(&data), shell::path(&aside));
        lines.push(format!("  mv {data} {aside}"));
    }
    lines.push(format!("  {}", command(place, members, member, name, old)));
    lines.join("\n")
}

/// The command alone.
fn command(
    place: &KnownCluster,
    members: &Members,
    member: &Member,
    name: &str,
    old: Option<&Member>,
) -> String {
    let others = members.members.iter().filter(|other| other.id != member.id);
    let endpoints = others.flat_map(|other| &other.client_urls).map(|u| host(u));
    let endpoints: Vec<_> = endpoints.collect();
    let mut words = vec!["quorate serve --join".to_owned()];
    words.push(address_word(&endpoints.join(",")));
    words.push(format!("--name {}", shell::word(name)));
    if let Some(file) = place.contract_file() {
        words.push(format!("--contract {}", shell::path(file)));
    }
    match place.contract_of(name, &member.peer_urls) {
        Some(_) => {}
        None => {
            let peer = member.peer_urls.first().map(|url| host(url));
            let client = old
                .and_then(|old| old.client_urls.first())
                .map(|url| host(url).to_owned())
                .or_else(|| beside(peer?));
            let addresses = [
                ("--listen-peer", peer),
                ("--listen-client", client.as_deref()),
            ];
            for (option, address) in addresses {
                if let Some(address) = address {
                    words.push(format!("{option} {}", address_word(address)));
                }
            }
        }
    }
    words.push(format!("--data-dir {}", shell::path(&place.data(name))));
    words.join(" ")
}

/// Addresses as one word: commas and colons need no quotes, the brackets of IPv6 do.
fn address_word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".,:-_".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    shell::word(text)
}

/// `HOST:PORT` of a URL.
fn host(url: &str) -> &str {
    url.strip_prefix("http://")
        .unwrap_or(url)
        .trim_end_matches('/')
}

/// Where clients are served, when nothing else is known: at the port below the peers', as in etcd
/// and in `quorate up`.
fn beside(peer: &str) -> Option<String> {
    let peer: Address = peer.parse().ok()?;
    let port = peer.port().checked_sub(1).filter(|port| *port != 0)?;
    let (host, _) = host_and_port(&peer);
    Some(format!("{host}:{port}"))
}

fn host_and_port(address: &Address) -> (String, u16) {
    let text = address.to_string();
    let host = text
        .rsplit_once(':')
        .map_or(text.as_str(), |(host, _)| host);
    (host.to_owned(), address.port())
}

/// Where to move a directory that has something in it, so that the new member finds none.
fn aside(data: &Path, id: u64) -> Option<PathBuf> {
    let mut entries = fs::read_dir(data).ok()?;
    let _first = entries.next()?;
    let mut name = data.file_name()?.to_owned();
    name.push(format!(".before-{id:016x}"));
    Some(data.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_contract::Contract;

    fn member(id: u64, name: &str, peer: &str, client: &str) -> Member {
        let urls = |address: &str| match address {
            "" => vec![],
            address => vec![format!("http://{address}")],
        };
        Member {
            id,
            name: name.into(),
            peer_urls: urls(peer),
            client_urls: urls(client),
            is_learner: name.is_empty(),
        }
    }

    fn cluster() -> Members {
        Members {
            cluster_id: 1,
            members: vec![
                member(1, "n0", "127.0.0.1:2380", "127.0.0.1:2379"),
                member(2, "n2", "127.0.0.1:2400", "127.0.0.1:2399"),
                member(3, "", "127.0.0.1:2390", ""),
            ],
        }
    }

    #[test]
    fn under_a_contract_the_member_finds_its_addresses_there() {
        let place = KnownCluster::of(
            Some(("my data/contract.toml", Contract::default())),
            Path::new("my data"),
        );
        let members = cluster();
        assert_eq!(
            instructions(&place, &members, &members.members[2], "n1", None),
            "start it with:\n  quorate serve --join 127.0.0.1:2379,127.0.0.1:2399 --name n1 \
             --contract 'my data/contract.toml' --data-dir 'my data/n1'"
        );
    }

    #[test]
    fn without_a_contract_it_is_told_its_addresses() {
        let place = KnownCluster::of(None, Path::new("d"));
        let mut members = cluster();
        members.members[2].peer_urls = vec!["http://[fe80::1]:2380".into()];
        let new = &members.members[2];
        assert_eq!(
            command(&place, &members, new, "n1", None),
            "quorate serve --join 127.0.0.1:2379,127.0.0.1:2399 --name n1 \
             --listen-peer '[fe80::1]:2380' --listen-client '[fe80::1]:2379' --data-dir d/n1"
        );
        let old = member(9, "n1", "10.0.0.1:2380", "10.0.0.1:5000");
        let command = command(&place, &members, new, "n1", Some(&old));
        assert!(
            command.contains(" --listen-client 10.0.0.1:5000 "),
            "{command}"
        );
    }

    #[test]
    fn what_lies_in_the_directory_is_moved_aside_first() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = KnownCluster::of(None, dir.path());
        let members = cluster();
        let new = &members.members[2];
        fs::create_dir(dir.path().join("n1")).expect("made");
        let before = instructions(&place, &members, new, "n1", None);
        assert!(!before.contains("mv "), "{before}");
        fs::write(dir.path().join("n1/wal"), "old").expect("written");
        let after = instructions(&place, &members, new, "n1", None);
        let data = dir.path().join("n1").display().to_string();
        let line = format!("  mv {data} {data}.before-0000000000000003\n");
        assert!(after.contains(&line), "{after}");
    }
}
