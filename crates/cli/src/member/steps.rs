//! What is to be done next to replace a member, by what the cluster has now. So a replacement that
//! was interrupted goes on where it was.

use super::text::{Member, Members};
use crate::exit::refused;

/// The next step of a replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MemberStep {
    /// The old member is listed still: remove it, unless it serves.
    Remove(Member),
    /// Nothing has the address: add a learner there.
    Add(Vec<String>),
    /// The new member is listed, and has not started yet.
    Start(u64),
    /// The new member runs: promote it as soon as it has caught up.
    Promote(u64),
}

/// What to do next to have the member called `name` replaced. Where peers reach it is known from
/// the list, or as `peer_urls` from a contract or the command line, or not at all. `again` says
/// that a learner of this name is to be replaced, too.
///
/// # Errors
/// If the list does not say which member is meant.
pub(super) fn next(
    members: &Members,
    name: &str,
    peer_urls: &[String],
    again: bool,
) -> anyhow::Result<MemberStep> {
    let all = &members.members;
    let named: Vec<_> = all.iter().filter(|member| member.name == name).collect();
    match named[..] {
        [member] if member.is_learner && !again => return Ok(MemberStep::Promote(member.id)),
        [member] => return Ok(MemberStep::Remove(member.clone())),
        [] => {}
        [..] => {
            return Err(refused(format_args!(
                "several members are called {name}: {}; remove the one that is lost by its id \
                 first, with 'quorate member remove ID'",
                members.labels()
            )));
        }
    }
    let unstarted: Vec<_> = all.iter().filter(|m| !m.has_started()).collect();
    if peer_urls.is_empty() {
        return match unstarted[..] {
            // Whatever it was added for: it is the only one that can be meant.
            [member] if member.is_learner => Ok(MemberStep::Start(member.id)),
            _ => Err(refused(format_args!(
                "no member is called {name}; the cluster has {}. If {name} was removed already, say \
                 where its peers reach it, as in --peer-url http://10.0.0.4:2380",
                members.labels()
            ))),
        };
    }
    match members.at(peer_urls) {
        None => Ok(MemberStep::Add(peer_urls.to_vec())),
        Some(member) if !member.has_started() => Ok(MemberStep::Start(member.id)),
        Some(member) => Err(refused(format_args!(
            "no member is called {name}, and its address {} is that of {} (id {})",
            peer_urls.join(","),
            member.name,
            member.id_text()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://10.0.0.3:2380";

    fn member(id: u64, name: &str, is_learner: bool) -> Member {
        Member {
            id,
            name: name.into(),
            peer_urls: vec![format!("http://10.0.0.{}:2380", id % 10)],
            is_learner,
            ..Member::default()
        }
    }

    fn step(third: &[Member], peer_urls: &[&str], again: bool) -> anyhow::Result<MemberStep> {
        let mut members = vec![member(1, "a", false), member(2, "b", false)];
        members.extend_from_slice(third);
        let members = Members {
            cluster_id: 1,
            members,
        };
        let urls: Vec<_> = peer_urls.iter().map(ToString::to_string).collect();
        next(&members, "c", &urls, again)
    }

    #[test]
    fn each_state_of_a_replacement_has_its_next_step() {
        let known: &[&str] = &[URL];
        let old = member(3, "c", false);
        for urls in [known, &[]] {
            let is = |third: &[Member]| step(third, urls, false).expect("clear");
            assert_eq!(
                is(std::slice::from_ref(&old)),
                MemberStep::Remove(old.clone())
            );
            assert_eq!(is(&[member(13, "", true)]), MemberStep::Start(13));
            assert_eq!(is(&[member(13, "c", true)]), MemberStep::Promote(13));
        }
        let added = MemberStep::Add(vec![URL.into()]);
        assert_eq!(step(&[], known, false).expect("clear"), added);
        // Added as a voter by hand: it is waited for all the same.
        let voter = step(&[member(13, "", false)], known, false);
        assert_eq!(voter.expect("clear"), MemberStep::Start(13));
    }

    #[test]
    fn a_learner_whose_data_are_lost_is_replaced_when_asked_again() {
        let learner = member(13, "c", true);
        let again = step(std::slice::from_ref(&learner), &[URL], true).expect("clear");
        assert_eq!(again, MemberStep::Remove(learner));
    }

    #[test]
    fn what_the_list_does_not_say_is_asked_for() {
        let says = |third: &[Member], urls: &[&str]| {
            let error = step(third, urls, false).expect_err("unclear");
            error.to_string()
        };
        assert!(says(&[], &[]).contains("--peer-url"));
        let two = [member(13, "", true), member(14, "", true)];
        assert!(says(&two, &[]).contains("--peer-url"));
        // A voter that never ran may be anybody's.
        assert!(says(&[member(13, "", false)], &[]).contains("--peer-url"));
        let both = [member(3, "c", false), member(13, "c", true)];
        assert!(says(&both, &[URL]).contains("by its id"));
        let other = says(&[member(3, "d", false)], &[URL]);
        assert!(
            other.contains("is that of d (id 0000000000000003)"),
            "{other}"
        );
    }
}
