//! `quorate member replace`: another member in the place of one whose data are lost.

use super::client::MembersClient;
use super::place::{KnownCluster, check_name};
use super::steps::{MemberStep, next};
use super::text::{Member, Members};
use super::{WaitLimit, join, note, wait};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The member whose data are lost, by name
    name: String,
    /// Where its peers reach it, as http://HOST:PORT; needed if it was removed already and no
    /// contract says so
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    peer_url: Vec<String>,
    /// Replace it even if it answers
    #[arg(long)]
    force: bool,
    /// If its replacement has lost its data, too: replace that one
    #[arg(long)]
    again: bool,
    /// Add the new member, say how to start it, and leave the rest to 'promote --wait'
    #[arg(long)]
    no_wait: bool,
}

/// Goes on from whatever state an earlier run has left, and gives the members at the end.
pub(super) async fn run(
    client: &MembersClient,
    place: &KnownCluster,
    args: &Args,
    patience: WaitLimit,
) -> anyhow::Result<Members> {
    let name = &args.name;
    check_name(name)?;
    let mut peer_urls = args.peer_url.clone();
    if peer_urls.is_empty() {
        peer_urls.extend(place.peer_url(name));
    }
    let mut again = args.again;
    let mut old: Option<Member> = None;
    let mut members = wait::list(client, patience).await?;
    loop {
        match next(&members, name, &peer_urls, again)? {
            MemberStep::Remove(member) => {
                if !args.force && !member.is_learner && client.serves(&member).await {
                    note(&format!(
                        "{name} (id {}) is a voter and answers: there is nothing to replace; \
                         --force replaces it all the same",
                        member.id_text()
                    ));
                    return Ok(members);
                }
                note(&format!("removing {name} (id {})", member.id_text()));
                let gone = |members: &Members| members.by_id(member.id).is_err();
                let remove = async || client.remove(member.id).await;
                members = wait::change(client, patience, gone, remove).await?;
                if args.peer_url.is_empty() {
                    // The list knows better than a contract, which may be older.
                    peer_urls.clone_from(&member.peer_urls);
                }
                old = Some(member);
                again = false;
            }
            MemberStep::Add(urls) => {
                note(&format!("adding a learner at {}", urls.join(",")));
                let there = |members: &Members| members.at(&urls).is_some();
                let add = async || client.add(urls.clone(), true).await;
                members = wait::change(client, patience, there, add).await?;
            }
            MemberStep::Start(id) => {
                let new = members.by_id(id)?;
                note(&format!("the new member has id {}", new.id_text()));
                note(&join::instructions(
                    place,
                    &members,
                    new,
                    name,
                    old.as_ref(),
                ));
                if args.no_wait {
                    note(&format!(
                        "and when it has caught up: quorate member promote {name} --wait"
                    ));
                    return Ok(members);
                }
                wait::start(client, id, patience).await?;
                return finish(client, id, patience).await;
            }
            MemberStep::Promote(id) => {
                if args.no_wait {
                    note(&format!(
                        "{name} has started; when it has caught up: quorate member promote {name} \
                         --wait"
                    ));
                    return Ok(members);
                }
                return finish(client, id, patience).await;
            }
        }
    }
}

async fn finish(client: &MembersClient, id: u64, patience: WaitLimit) -> anyhow::Result<Members> {
    let members = wait::promote(client, id, patience).await?;
    let member = members.by_id(id)?;
    note(&format!(
        "{} (id {}) has caught up and votes",
        member.name,
        member.id_text()
    ));
    Ok(members)
}
