//! What `quorate up` shows: lines for what happens, and on a terminal one that lives.

use crate::lifeline::Event;
use crate::output::say;
use quorate_contract::{Contract, Member};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const REDRAW_EVERY: Duration = Duration::from_millis(500);

/// What is known of each replica, and the terminal.
pub(crate) struct Screen {
    members: Vec<Member>,
    quorum: usize,
    live: bool,
    state: Mutex<State>,
}

struct State {
    replicas: Vec<Replica>,
    leader: Option<(u64, u32)>,
    /// When, and at which revision, the rate was last taken.
    measured: Option<(Instant, i64)>,
    rate: f64,
    drawn: bool,
    violations: u64,
}

#[derive(Clone, Default)]
struct Replica {
    phase: Phase,
    term: u64,
    commit: u64,
    applied: u64,
    revision: i64,
    violations: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Down,
    Forming,
    Recovering {
        percent: u64,
    },
    Up,
}

impl Screen {
    /// The name of the member with this number. One that came later than the contract has none here.
    fn name(&self, node: u32) -> String {
        let founder = self.members.get(node as usize);
        founder.map_or_else(|| format!("member {node}"), |member| member.name.clone())
    }

    pub(crate) fn new(contract: &Contract) -> Self {
        let members = contract.cluster.members.clone();
        Self {
            quorum: members.len() / 2 + 1,
            live: io::stdout().is_terminal(),
            state: Mutex::new(State {
                replicas: vec![Replica::default(); members.len()],
                leader: None,
                measured: None,
                rate: 0.0,
                drawn: false,
                violations: 0,
            }),
            members,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The contract in words, where the replicas are, and what to try.
    pub(crate) fn welcome(&self, paragraph: &str, dir: &Path) -> anyhow::Result<()> {
        let endpoints: Vec<_> = self.members.iter().map(|m| m.client.to_string()).collect();
        let (first, all) = (&endpoints[0], endpoints.join(","));
        say(&format!(
            "\n{}\n\n\
             {} replicas, data in {}. Try, in another terminal:\n\n  \
             etcdctl --endpoints {all} put greeting hello\n  \
             etcdctl --endpoints {all} get greeting\n  \
             etcdctl --endpoints {all} endpoint status -w table\n  \
             curl http://{first}/health\n  \
             curl http://{first}/v3/kv/range -d '{{\"key\":\"Z3JlZXRpbmc=\"}}'\n  \
             kill -9 PID     # of any replica: nothing acknowledged is lost, and it comes back\n\n\
             Ctrl-C stops them; the data stays.\n",
            wrap(paragraph, 92),
            self.members.len(),
            dir.display(),
        ))
    }

    pub(crate) fn farewell(&self, dir: &Path) {
        self.line(&format!("stopped; the data is in {}", dir.display()));
    }

    pub(crate) fn stopping(&self, already: bool) {
        if !already {
            self.line("stopping");
        }
    }

    /// Writes a line for something that happened.
    pub(crate) fn line(&self, text: &str) {
        let mut state = self.state();
        write_line(&mut state, text);
    }

    pub(crate) fn on_event(&self, id: u8, pid: u32, event: Event) {
        let mut state = self.state();
        let name = &self.members[usize::from(id)].name;
        let replica = &mut state.replicas[usize::from(id)];
        match event {
            Event::Recovering { read, total } => {
                replica.phase = Phase::Recovering {
                    percent: 100 * read / total.max(1),
                };
            }
            Event::Forming { waiting_for, note } => {
                replica.phase = Phase::Forming;
                if !waiting_for.is_empty() {
                    let names = waiting_for.join(", ");
                    let text = format!("{name} is waiting for {names} to start for the first time");
                    write_line(&mut state, &text);
                }
                if let Some(note) = note {
                    write_line(&mut state, &format!("{name}: {note}"));
                }
            }
            Event::Ready { clients } => {
                replica.phase = Phase::Up;
                write_line(
                    &mut state,
                    &format!("{name} serves clients at {clients}, pid {pid}"),
                );
            }
            Event::Status {
                leader,
                term,
                commit,
                applied,
                revision,
                violations,
            } => {
                let phase = replica.phase;
                *replica = Replica {
                    phase,
                    term,
                    commit,
                    applied,
                    revision,
                    violations,
                };
                if let Some(leader) = leader
                    && state.leader.is_none_or(|(known, _)| known < term)
                {
                    state.leader = Some((term, leader));
                    let leader = self.name(leader);
                    write_line(&mut state, &format!("{leader} leads in term {term}"));
                }
                let violations = state
                    .replicas
                    .iter()
                    .map(|replica| replica.violations)
                    .sum();
                if violations > state.violations {
                    state.violations = violations;
                    let text = format!("{name} reports a violated invariant; its log says which");
                    write_line(&mut state, &text);
                }
            }
        }
    }

    pub(crate) fn down(&self, id: u8) {
        self.state().replicas[usize::from(id)].phase = Phase::Down;
    }

    /// Draws the line that changes in place, until the process ends; only on a terminal.
    pub(crate) async fn live(&self) {
        if !self.live {
            return;
        }
        let mut every = tokio::time::interval(REDRAW_EVERY);
        loop {
            every.tick().await;
            let mut state = self.state();
            let text = self.status(&mut state, Instant::now());
            let mut out = io::stdout().lock();
            // A terminal that is gone will be noticed otherwise.
            let _ = write!(out, "\r\x1b[2K{text}").and_then(|()| out.flush());
            state.drawn = true;
        }
    }

    fn status(&self, state: &mut State, now: Instant) -> String {
        let revision = state
            .replicas
            .iter()
            .map(|replica| replica.revision)
            .max()
            .unwrap_or(0);
        let (since, before) = *state.measured.get_or_insert((now, revision));
        let span = now.duration_since(since);
        if span >= Duration::from_secs(1) {
            state.rate = (revision - before).max(0) as f64 / span.as_secs_f64();
            state.measured = Some((now, revision));
        }
        let up = state
            .replicas
            .iter()
            .filter(|replica| replica.phase == Phase::Up)
            .count();
        let term = state
            .replicas
            .iter()
            .map(|replica| replica.term)
            .max()
            .unwrap_or(0);
        let commit = state
            .replicas
            .iter()
            .map(|replica| replica.commit)
            .max()
            .unwrap_or(0);
        let leader = match state.leader {
            _ if up < self.quorum => "no quorum".to_owned(),
            Some((of, id)) if of == term => {
                format!("leader {}", self.name(id))
            }
            _ => "electing".to_owned(),
        };
        let recovering =
            state
                .replicas
                .iter()
                .zip(&self.members)
                .filter_map(|(replica, member)| match replica.phase {
                    Phase::Recovering { percent } => {
                        Some(format!(" · {} recovers: {percent} %", member.name))
                    }
                    Phase::Forming => Some(format!(" · {} forms the cluster", member.name)),
                    Phase::Up | Phase::Down => None,
                });
        let recovering: String = recovering.collect();
        let behind = state
            .replicas
            .iter()
            .filter(|replica| replica.phase == Phase::Up);
        let behind = behind
            .map(|replica| commit - replica.applied.min(commit))
            .max()
            .unwrap_or(0);
        format!(
            "{up} of {} up · {leader} · term {term} · commit {commit} · lag {behind} · {:.0} writes/s{recovering}",
            self.members.len(),
            state.rate,
        )
    }
}

fn write_line(state: &mut State, text: &str) {
    let clear = if std::mem::take(&mut state.drawn) {
        "\r\x1b[2K"
    } else {
        ""
    };
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{clear}{text}").and_then(|()| out.flush());
}

/// Breaks a text into lines of at most `width` characters, where there is a space to break it at.
fn wrap(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_line_says_who_leads_and_how_fast_it_goes() {
        let screen = Screen::new(&Contract::default());
        let start = Instant::now();
        let status = |leader, revision| Event::Status {
            leader,
            term: 3,
            commit: 10,
            applied: 10,
            revision,
            violations: 0,
        };
        let mut state = screen.state();
        assert!(
            screen
                .status(&mut state, start)
                .starts_with("0 of 3 up · no quorum")
        );
        drop(state);
        for id in 0..2 {
            screen.on_event(
                id,
                1,
                Event::Ready {
                    clients: String::new(),
                },
            );
            screen.on_event(id, 1, status(Some(1), 0));
        }
        screen.on_event(2, 1, Event::Recovering { read: 1, total: 4 });
        screen.on_event(0, 1, status(Some(1), 500));
        let mut state = screen.state();
        assert_eq!(
            screen.status(&mut state, start + Duration::from_secs(2)),
            "2 of 3 up · leader n1 · term 3 · commit 10 · lag 0 · 250 writes/s · n2 recovers: 25 %"
        );
        state.replicas[0].phase = Phase::Down;
        assert!(
            screen
                .status(&mut state, start)
                .starts_with("1 of 3 up · no quorum")
        );
    }

    #[test]
    fn paragraphs_are_wrapped_at_spaces() {
        assert_eq!(wrap("a bb ccc dddd", 6), "a bb\nccc\ndddd");
        assert_eq!(wrap("unbreakable", 3), "unbreakable");
    }
}
