//! The ids by which clusters and members are known outside of a contract file.

use quorate_contract::Contract;
use xxhash_rust::xxh3::xxh3_64;

/// The ids that follow from a contract.
///
/// They are hashes of names, so that whoever has the contract knows them. Addresses are left out:
/// a replica that moves stays who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The cluster's id.
    pub cluster_id: u64,
    /// The members' ids, in the order of the contract. None of them is 0.
    pub member_ids: Vec<u64>,
    /// A digest of the whole contract, addresses included.
    pub contract: u64,
}

impl Names {
    /// The ids of a contract's cluster.
    pub fn of(contract: &Contract) -> Self {
        let cluster = &contract.cluster;
        // No name contains a control character, so this reads in one way only.
        let mut text = format!("cluster\n{}\n", cluster.name);
        for member in &cluster.members {
            text.push_str(&format!("{} {}\n", member.id, member.name));
        }
        let cluster_id = xxh3_64(text.as_bytes()).max(1);
        let member_id =
            |name: &str| xxh3_64(format!("member\n{cluster_id:016x}\n{name}\n").as_bytes()).max(1);
        Self {
            cluster_id,
            member_ids: cluster
                .members
                .iter()
                .map(|member| member_id(&member.name))
                .collect(),
            contract: xxh3_64(contract.to_toml().as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_contract::Cluster;

    /// These numbers are on disks: they must not change.
    #[test]
    fn the_ids_of_the_default_contract_are_what_they_always_were() {
        let names = Names::of(&Contract::default());
        assert_eq!(format!("{:016x}", names.cluster_id), "896994adf6b55757");
        assert_eq!(format!("{:016x}", names.member_ids[0]), "63a99b4a809bc0af");
    }

    #[test]
    fn names_make_the_ids_and_addresses_do_not() {
        let default = Names::of(&Contract::default());
        let mut contract = Contract::default();
        contract.cluster.members[0].peer = quorate_contract::Address::loopback(9);
        let moved = Names::of(&contract);
        assert_eq!(
            (moved.cluster_id, &moved.member_ids),
            (default.cluster_id, &default.member_ids)
        );
        assert_ne!(moved.contract, default.contract);
        for cluster in [
            Cluster::loopback("other", 3),
            Cluster::loopback("quorate", 5),
        ] {
            let names = Names::of(&Contract {
                cluster,
                ..Contract::default()
            });
            assert_ne!(names.cluster_id, default.cluster_id);
            assert_ne!(names.member_ids[0], default.member_ids[0]);
        }
    }
}
