//! What `quorate serve --join` has to know before it can ask to join: who the members are.
//!
//! A contract names founders. A cluster that has changed since knows its members better, so a member
//! that joins asks those that run, at their addresses for clients, as etcd's own clients would.

use crate::exit::refused;
use anyhow::{Context, bail};
use quorate_contract::{Address, Cluster, Contract, Member};
use quorate_etcd::client::{Connection, Endpoint};
use quorate_etcd::pb::etcdserverpb::MemberListRequest;
use quorate_node::storage::{Identity, State, stored_identity};
use std::path::Path;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tracing::warn;

/// How long one member may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often all of them are asked.
const ROUNDS: u32 = 20;

/// Where the member that joins is reached.
pub(crate) struct Addresses<'a> {
    pub(crate) peer: Option<&'a str>,
    pub(crate) client: Option<&'a str>,
}

/// The cluster as the member `name` that joins sees it, and its place in it: the members that run,
/// and itself. After it has joined, its directory knows them.
pub(crate) fn cluster(
    contract: &Contract,
    name: &str,
    addresses: &Addresses<'_>,
    endpoints: &[Endpoint],
    data_dir: &Path,
) -> anyhow::Result<(Cluster, u8)> {
    let known = contract.cluster.member_named(name);
    let address = |given: Option<&str>, known: Option<&Address>, option: &str| match (given, known)
    {
        (Some(given), _) => given.parse().map_err(refused),
        (None, Some(known)) => Ok(known.clone()),
        (None, None) => Err(refused(format_args!(
            "the contract does not name {name:?}: say with {option} where it is reached"
        ))),
    };
    let peer: Address = address(addresses.peer, known.map(|m| &m.peer), "--listen-peer")?;
    let client: Address = address(
        addresses.client,
        known.map(|m| &m.client),
        "--listen-client",
    )?;
    let mut others = match stored_identity(data_dir).map_err(refused)? {
        Some(Identity {
            state: State::Member { founding, .. },
            ..
        }) => founding
            .members
            .iter()
            .map(|m| (m.name.clone(), m.peer_address().to_owned()))
            .collect(),
        _ => ask(endpoints)?,
    };
    others.retain(|(other, at)| other != name && *at != peer.to_string());
    let mut members = vec![];
    for (other, at) in others {
        members.push(Member {
            id: members.len() as u8,
            name: other,
            // Not asked by peers.
            client: at.parse().map_err(refused)?,
            peer: at.parse().map_err(refused)?,
        });
    }
    let me = u8::try_from(members.len()).context("too many members")?;
    members.push(Member {
        id: me,
        name: name.to_owned(),
        peer,
        client,
    });
    let name = contract.cluster.name.clone();
    Ok((Cluster { name, members }, me))
}

/// Asks the members at these addresses who the members are: name and address for peers of each.
fn ask(endpoints: &[Endpoint]) -> anyhow::Result<Vec<(String, String)>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut last = None;
        for _ in 0..ROUNDS {
            for endpoint in endpoints {
                match timeout(PATIENCE, list(endpoint)).await {
                    Ok(Ok(members)) => return Ok(members),
                    Ok(Err(error)) => last = Some(format!("{endpoint}: {error:#}")),
                    Err(_) => last = Some(format!("{endpoint} does not answer")),
                }
            }
            if let Some(last) = &last {
                warn!("no member says who the members are ({last}); asking again");
            }
            sleep(Duration::from_secs(1)).await;
        }
        let last = last.unwrap_or_else(|| "no address was given".to_owned());
        bail!(
            "no member says who the members are: {last}. Is the cluster up? Give --join the \
             addresses at which it serves clients"
        )
    })
}

async fn list(endpoint: &Endpoint) -> anyhow::Result<Vec<(String, String)>> {
    let connection = Connection::open(endpoint).await?;
    let request = MemberListRequest {
        linearizable: false,
    };
    let answer = connection.cluster().member_list(request).await?;
    let members = answer.into_inner().members.into_iter();
    let members = members.filter_map(|member| {
        let url = member.peer_ur_ls.first()?;
        let address = url.split_once("://").map_or(&**url, |(_, address)| address);
        let name = match member.name.is_empty() {
            true => format!("{:x}", member.id),
            false => member.name,
        };
        Some((name, address.trim_end_matches('/').to_owned()))
    });
    Ok(members.collect())
}
