//! Where the cluster is: the contract that names its members, and their directories if they run on
//! this machine.

use super::Common;
use crate::contract_file;
use crate::exit::refused;
use quorate_contract::{Contract, MAX_NAME};
use quorate_etcd::client::Endpoint;
use std::path::{Path, PathBuf};

/// The contract of a `quorate up`, in its directory.
const CONTRACT: &str = "contract.toml";

/// What is known of the cluster without asking it.
#[derive(Debug, Default)]
pub(super) struct KnownCluster {
    /// A file, and what it says. It is what the members were started with, and may name others than
    /// the cluster has by now.
    contract: Option<(PathBuf, Contract)>,
    data_dir: PathBuf,
}

impl KnownCluster {
    /// Takes the contract that is named, or that of the `quorate up` whose directory it is.
    pub(super) fn find(common: &Common) -> anyhow::Result<Self> {
        let in_dir = common.data_dir.join(CONTRACT);
        let file = match &common.contract {
            Some(file) => Some(file.clone()),
            None => in_dir.is_file().then_some(in_dir),
        };
        let contract = match file {
            Some(file) => {
                let contract = contract_file::load(Some(&file))?;
                Some((file, contract))
            }
            None => None,
        };
        Ok(Self {
            contract,
            data_dir: common.data_dir.clone(),
        })
    }

    #[cfg(test)]
    pub(super) fn of(contract: Option<(&str, Contract)>, data_dir: &Path) -> Self {
        Self {
            contract: contract.map(|(file, contract)| (file.into(), contract)),
            data_dir: data_dir.to_owned(),
        }
    }

    /// Where to ask.
    pub(super) fn endpoints(&self, common: &Common) -> Vec<Endpoint> {
        if !common.endpoints.is_empty() {
            return common.endpoints.clone();
        }
        let members = self.contract.iter().flat_map(|(_, c)| &c.cluster.members);
        let clients = members.map(|member| member.client.to_string());
        // An address of a contract is one of an endpoint, too.
        let mut endpoints: Vec<_> = clients.filter_map(|client| client.parse().ok()).collect();
        if endpoints.is_empty() {
            endpoints.extend("127.0.0.1:2379".parse::<Endpoint>());
        }
        endpoints
    }

    /// Where peers reach the member of this name, by the contract.
    pub(super) fn peer_url(&self, name: &str) -> Option<String> {
        let (_, contract) = self.contract.as_ref()?;
        let member = contract.cluster.member_named(name)?;
        Some(format!("http://{}", member.peer))
    }

    /// The contract's file, if there is one: it names the cluster and what may fail.
    pub(super) fn contract_file(&self) -> Option<&Path> {
        self.contract.as_ref().map(|(file, _)| file.as_path())
    }

    /// The contract's file, if it gives the member of this name one of these addresses: then the
    /// member finds all else in it.
    pub(super) fn contract_of(&self, name: &str, peer_urls: &[String]) -> Option<&Path> {
        let url = self.peer_url(name)?;
        let (file, _) = self.contract.as_ref()?;
        peer_urls.contains(&url).then_some(file.as_path())
    }

    /// Where the member of this name has its data, if it runs on this machine.
    pub(super) fn data(&self, name: &str) -> PathBuf {
        self.data_dir.join(name)
    }
}

/// Whether a contract could name a member so; also what keeps `--data-dir DIR/NAME` below DIR.
pub(super) fn check_name(name: &str) -> anyhow::Result<()> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let short = (1..=MAX_NAME).contains(&name.len());
    if short && name.bytes().all(allowed) && name != "." && name != ".." {
        return Ok(());
    }
    Err(refused(format_args!(
        "{name:?} is no name for a member: 1 to {MAX_NAME} letters, digits, '.', '_' and '-'"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_contracts() {
        for name in ["n0", "db-1.example.org", "A_b"] {
            check_name(name).expect(name);
        }
        let long = "a".repeat(MAX_NAME + 1);
        for name in ["", ".", "..", "../n0", "a b", "ü", "a/b", &long] {
            check_name(name).expect_err(name);
        }
    }

    #[test]
    fn a_contract_counts_only_for_a_member_at_its_address() {
        let place = KnownCluster::of(Some(("c.toml", Contract::default())), Path::new("d"));
        let at = |url: &str| place.contract_of("n0", &[url.to_owned()]);
        assert_eq!(at("http://127.0.0.1:2380"), Some(Path::new("c.toml")));
        assert_eq!(at("http://127.0.0.1:9999"), None);
        let stranger = ["http://127.0.0.1:2380".to_owned()];
        assert_eq!(place.contract_of("n9", &stranger), None);
    }
}
