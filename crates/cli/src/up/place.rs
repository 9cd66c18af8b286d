//! The directory and the ports of a cluster on this machine.

use crate::exit::refused;
use anyhow::Context;
use quorate_contract::{Address, Cluster, Contract, Member};
use quorate_node::storage::{
    self, FileOps, RealFiles, create_dir_durably, partial_of, write_durably,
};
use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// A cluster's directory, locked for as long as this lives:
///
/// ```text
/// DIR/contract.toml   the contract in force
/// DIR/lock            locked while `up` runs
/// DIR/NAME/           the data of a replica
/// DIR/NAME.log        what it said while it ran
/// ```
pub(crate) struct UpDirectory {
    path: PathBuf,
    cluster: Cluster,
    _lock: File,
}

const CONTRACT: &str = "contract.toml";

impl UpDirectory {
    /// Takes the directory and makes sure that the ports are free.
    pub(crate) fn take(path: &Path, contract: &Contract) -> anyhow::Result<Self> {
        Self::take_over(&mut RealFiles, path, contract)
    }

    fn take_over(
        files: &mut impl FileOps,
        path: &Path,
        contract: &Contract,
    ) -> anyhow::Result<Self> {
        let cant = || format!("can't use the directory {}", path.display());
        create_dir_durably(files, path).with_context(cant)?;
        let file = path.join(CONTRACT);
        let known = file.exists();
        if !known && !is_fresh(path).with_context(cant)? {
            return Err(refused(format_args!(
                "{} is not empty and has no {CONTRACT}: it is not the directory of a cluster; \
                 choose another one with --data-dir",
                path.display()
            )));
        }
        let lock = storage::lock(path).map_err(refused)?;
        if known {
            check_same_cluster(&file, contract)?;
        }
        for member in &contract.cluster.members {
            for (address, whom) in [(&member.client, "clients"), (&member.peer, "peers")] {
                check_free(address, whom, &member.name)?;
            }
        }
        // Durable before a replica starts: without it the next start would be refused.
        write_durably(files, &file, contract.to_toml().as_bytes()).with_context(cant)?;
        Ok(Self {
            path: path.to_owned(),
            cluster: contract.cluster.clone(),
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn contract(&self) -> PathBuf {
        self.path.join(CONTRACT)
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.cluster.members
    }

    pub(crate) fn data(&self, member: &Member) -> PathBuf {
        self.path.join(&member.name)
    }

    pub(crate) fn log(&self, member: &Member) -> PathBuf {
        self.path.join(format!("{}.log", member.name))
    }
}

/// Is there nothing in the directory but what a start that was cut short leaves?
fn is_fresh(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if name != "lock" && Path::new(&name) != partial_of(Path::new(CONTRACT)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn check_same_cluster(file: &Path, contract: &Contract) -> anyhow::Result<()> {
    let found = crate::contract_file::load(Some(file))?;
    let names = |contract: &Contract| {
        let members = contract.cluster.members.iter();
        let names: Vec<_> = members.map(|member| member.name.clone()).collect();
        (contract.cluster.name.clone(), names)
    };
    if names(contract) == names(&found) {
        return Ok(());
    }
    let describe = |contract: &Contract| {
        let names: Vec<_> = contract
            .cluster
            .members
            .iter()
            .map(|m| m.name.as_str())
            .collect();
        format!("{:?} with {}", contract.cluster.name, names.join(", "))
    };
    Err(refused(format_args!(
        "{} belongs to cluster {}, and the contract names {}; choose another directory with \
         --data-dir, or the contract that this one was made with",
        file.parent().unwrap_or(file).display(),
        describe(&found),
        describe(contract),
    )))
}

fn check_free(address: &Address, whom: &str, name: &str) -> anyhow::Result<()> {
    match TcpListener::bind(address.to_string()) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(refused(format_args!(
            "{address}, where {name} would listen for {whom}, is in use by another process; stop \
             that one, or choose other ports with --ports"
        ))),
        Err(error) => Err(refused(format_args!(
            "{name} can't listen for {whom} on {address}: {error}; `up` runs all members on this \
             machine, see `quorate serve` for one"
        ))),
    }
}

/// Gives all members other ports on this machine.
pub(crate) fn move_to_ports(cluster: &mut Cluster, base: u16) -> anyhow::Result<()> {
    let last = 10 * (cluster.members.len().saturating_sub(1)) + 1;
    if base == 0 || usize::from(base) + last > usize::from(u16::MAX) {
        return Err(refused(format_args!(
            "--ports {base} is out of range: ports go from 1 to 65535, and the last member needs \
             the {last}th after the base"
        )));
    }
    for (member, client) in cluster.members.iter_mut().zip((base..).step_by(10)) {
        member.client = Address::loopback(client);
        member.peer = Address::loopback(client + 1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_node::storage::TrackedFiles;

    fn contract(base: u16) -> Contract {
        let mut contract = Contract::default();
        move_to_ports(&mut contract.cluster, base).expect("in range");
        contract
    }

    #[test]
    fn ports_move_and_stay_in_range() {
        let contract = contract(40_000);
        let members = &contract.cluster.members;
        assert_eq!(members[2].client.port(), 40_020);
        assert_eq!(members[2].peer.port(), 40_021);
        for base in [0, 65_535, 65_515] {
            let error = move_to_ports(&mut Contract::default().cluster, base).expect_err("refused");
            assert!(error.to_string().contains("out of range"), "{error}");
        }
        assert!(move_to_ports(&mut Contract::default().cluster, 65_514).is_ok());
    }

    /// After a power cut in the first seconds `contract.toml` was empty, as it was renamed and never
    /// synced, and each later start was refused. A replica starts once `take` has returned.
    #[test]
    fn the_contract_is_durable_before_a_replica_starts() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("deep/data");
        let mut contract = contract(40_200);
        for name in ["first", "second"] {
            let mut files = TrackedFiles::default();
            let place = UpDirectory::take_over(&mut files, &path, &contract).expect("taken");
            assert_eq!(files.at_risk(), <[&Path; 0]>::default(), "{name} start");
            let made: Vec<_> = files.made().collect();
            assert!(made.contains(&&*place.contract()), "{made:?}");
            if name == "first" {
                assert!(made.contains(&&*path) && made.contains(&&*dir.path().join("deep")));
            }
            let found = fs::read_to_string(place.contract()).expect("read");
            assert_eq!(found, contract.to_toml());
            // Other ports at the next start.
            move_to_ports(&mut contract.cluster, 40_300).expect("in range");
        }
    }

    #[test]
    fn strangers_directories_are_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("thesis.tex"), "precious").expect("write");
        let error = UpDirectory::take(dir.path(), &contract(40_100))
            .err()
            .expect("refused");
        assert!(
            error
                .to_string()
                .contains("it is not the directory of a cluster"),
            "{error}"
        );
        assert_eq!(fs::read_dir(dir.path()).expect("list").count(), 1);
    }
}
