//! The replicas: processes of their own, on loopback ports of their own, each in its directory.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, bail};
use quorate_contract::{Address, Cluster as Members, Contract};
use quorate_etcd::client::Endpoint;
use rustix::process::{Pid, Signal, kill_process};

use crate::args::StormArgs;
use crate::members::command::MemberCommand;

/// How many replicas there are, at first: one may be down.
pub(crate) const REPLICAS: usize = 3;
/// Places for members: so many may run at a time.
pub(crate) const SLOTS: usize = 5;

/// Ports are drawn from below those that the system gives to connections that are made: else a
/// replica that is down could find its port taken when it comes back.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

#[derive(Debug)]
pub(crate) struct ProcessCluster {
    exe: PathBuf,
    dir: PathBuf,
    serve_args: Vec<String>,
    /// Places for replicas, the founders' first.
    replicas: Vec<Replica>,
}

#[derive(Debug)]
struct Replica {
    endpoint: Endpoint,
    peer: Address,
    process: Option<Child>,
    /// What it is started with.
    args: Vec<String>,
    /// It may end by itself: it is being removed.
    leaving: bool,
}

impl ProcessCluster {
    /// Writes the contract into `dir` and starts nothing yet.
    pub(crate) fn new(exe: &Path, dir: &Path, args: &StormArgs) -> anyhow::Result<Self> {
        let mut contract = Contract {
            cluster: Members::loopback("storm", REPLICAS),
            ..Contract::default()
        };
        let places = if args.members { SLOTS } else { REPLICAS };
        let file = dir.join("contract.toml");
        let mut replicas = vec![];
        for (slot, port) in free_ports(places)?.into_iter().enumerate() {
            let (client, peer) = (Address::loopback(port), Address::loopback(port + 1));
            if let Some(member) = contract.cluster.members.get_mut(slot) {
                (member.client, member.peer) = (client.clone(), peer.clone());
            }
            replicas.push(Replica {
                endpoint: client.to_string().parse()?,
                peer,
                process: None,
                // A founder's. Who joins is started as 'quorate member' says.
                args: vec![
                    "serve".to_owned(),
                    format!("--contract={}", file.display()),
                    format!("--id={slot}"),
                    format!("--data-dir={}", data(dir, slot).display()),
                ],
                leaving: false,
            });
        }
        fs::write(&file, contract.to_toml())?;
        let mut serve_args = vec![
            format!("--election-timeout={}", args.election_timeout),
            format!("--heartbeat={}", args.heartbeat),
            format!("--sync-delay={}", args.sync_delay),
        ];
        if args.gaps.is_some() {
            serve_args.push("--stall-disk-on-usr1".to_owned());
        }
        Ok(Self {
            exe: exe.to_owned(),
            dir: dir.to_owned(),
            serve_args,
            replicas,
        })
    }

    /// Where clients find replicas, at one time or another.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        self.replicas.iter().map(|r| r.endpoint.clone()).collect()
    }

    pub(crate) fn endpoint(&self, id: usize) -> &Endpoint {
        &self.replicas[id].endpoint
    }

    pub(crate) fn peer_url(&self, id: usize) -> String {
        format!("http://{}", self.replicas[id].peer)
    }

    /// What the member at a place is called.
    pub(crate) fn name(id: usize) -> String {
        format!("n{id}")
    }

    /// The replicas that run, or are paused, and are to go on.
    pub(crate) fn running(&self) -> Vec<usize> {
        let runs = |replica: &Replica| replica.process.is_some() && !replica.leaving;
        let all = 0..self.replicas.len();
        all.filter(|id| runs(&self.replicas[*id])).collect()
    }

    /// A replica may end by itself from now on, until it is killed.
    pub(crate) fn expect_end(&mut self, id: usize) {
        self.replicas[id].leaving = true;
    }

    /// Removes all data of a replica that does not run.
    pub(crate) fn wipe(&self, id: usize) -> anyhow::Result<()> {
        match fs::remove_dir_all(self.data(id)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("can't remove {}", self.data(id).display()))
            }
            _ => Ok(()),
        }
    }

    /// Starts a new member with the arguments that it was said to need, now and whenever it is
    /// started again.
    pub(crate) fn join(&mut self, id: usize, args: Vec<String>) -> anyhow::Result<()> {
        self.replicas[id].args = args;
        self.start(id)
    }

    /// Runs `quorate member ARGS` on this cluster.
    pub(crate) fn member_command(
        &self,
        endpoints: &[Endpoint],
        args: &[&str],
    ) -> anyhow::Result<MemberCommand> {
        MemberCommand::start(&self.exe, &self.dir, endpoints, args)
    }

    pub(crate) fn start(&mut self, id: usize) -> anyhow::Result<()> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log(id))?;
        let process = Command::new(&self.exe)
            .args(&self.replicas[id].args)
            // Its standard input is a pipe from us: however we end, it ends too.
            .arg("--lifeline")
            .args(&self.serve_args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("can't start {}", self.exe.display()))?;
        self.replicas[id].process = Some(process);
        Ok(())
    }

    /// SIGKILL to all of `ids`. Returns when the processes are gone.
    pub(crate) fn kill(&mut self, ids: &[usize]) -> anyhow::Result<()> {
        for id in ids {
            if let Some(process) = &mut self.replicas[*id].process {
                process.kill()?;
            }
        }
        for id in ids {
            self.replicas[*id].leaving = false;
            if let Some(mut process) = self.replicas[*id].process.take() {
                process.wait()?;
            }
        }
        Ok(())
    }

    /// SIGSTOP, or SIGCONT.
    pub(crate) fn pause(&self, id: usize, pause: bool) -> anyhow::Result<()> {
        if let Some(process) = &self.replicas[id].process {
            let signal = if pause { Signal::STOP } else { Signal::CONT };
            kill_process(Pid::from_child(process), signal)?;
        }
        Ok(())
    }

    /// SIGUSR1: the disk hangs, or goes on.
    pub(crate) fn toggle_stall(&self, id: usize) -> anyhow::Result<()> {
        if let Some(process) = &self.replicas[id].process {
            kill_process(Pid::from_child(process), Signal::USR1)?;
        }
        Ok(())
    }

    /// A replica that has ended by itself, which none ever should, and how.
    pub(crate) fn ended_by_itself(&mut self) -> Option<(usize, ExitStatus)> {
        let ended = |(id, replica): (usize, &mut Replica)| {
            let process = replica.process.as_mut().filter(|_| !replica.leaving)?;
            Some((id, process.try_wait().ok()??))
        };
        self.replicas.iter_mut().enumerate().find_map(ended)
    }

    /// Cuts about `bytes` off the end of a stopped replica's log, as if they had never reached the
    /// disk. Gives how many were cut.
    pub(crate) fn cut_log(&self, id: usize, bytes: u64) -> anyhow::Result<u64> {
        let dir = self.data(id).join("wal");
        let segments = fs::read_dir(&dir)?.filter_map(|entry| Some(entry.ok()?.path()));
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|e| e == "wal");
        let Some(last) = segments.filter(is_segment).max() else {
            bail!("{} has no log", dir.display());
        };
        let mut file = OpenOptions::new().read(true).write(true).open(last)?;
        let mut content = vec![];
        file.read_to_end(&mut content)?;
        // The file is longer than what was written into it: the rest is zeros.
        let written = content
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |i| i + 1) as u64;
        // A whole number of sectors stays, the first one with the segment's header among them.
        const SECTOR: u64 = 4096;
        let kept =
            (written.saturating_sub(bytes) / SECTOR * SECTOR).clamp(SECTOR, written.max(SECTOR));
        file.seek(SeekFrom::Start(kept))?;
        let cut = written.saturating_sub(kept);
        file.write_all(&vec![0; cut as usize])?;
        Ok(cut)
    }

    /// What a replica's log says that it must never say: each such line once.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut found = vec![];
        for id in 0..self.replicas.len() {
            let log = fs::read_to_string(self.log(id)).unwrap_or_default();
            for line in log.lines() {
                if line.contains("invariant violated") || line.contains("panicked at") {
                    found.push(format!("n{id}: {}", line.trim()));
                }
            }
        }
        found
    }

    /// The end of a replica's log.
    pub(crate) fn last_output(&self, id: usize) -> String {
        let log = fs::read_to_string(self.log(id)).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    fn data(&self, id: usize) -> PathBuf {
        data(&self.dir, id)
    }

    fn log(&self, id: usize) -> PathBuf {
        self.dir.join(format!("n{id}.log"))
    }
}

impl Drop for ProcessCluster {
    fn drop(&mut self) {
        // What can't be killed here ends with the pipe to it.
        let all: Vec<_> = (0..self.replicas.len()).collect();
        let _ = self.kill(&all);
    }
}

fn data(dir: &Path, id: usize) -> PathBuf {
    dir.join(ProcessCluster::name(id))
}

/// Ports of loopback at which no process listens, and neither at the one above each. They are held until
/// all are chosen, so they differ.
fn free_ports(n: usize) -> anyhow::Result<Vec<u16>> {
    let mut held: Vec<(u16, [TcpListener; 2])> = vec![];
    for _ in 0..10_000 {
        if held.len() == n {
            return Ok(held.into_iter().map(|(port, _)| port).collect());
        }
        let port = fastrand::u16(PORTS);
        let bind = |port| TcpListener::bind(("127.0.0.1", port));
        if let (Ok(clients), Ok(peers)) = (bind(port), bind(port + 1)) {
            held.push((port, [clients, peers]));
        }
    }
    bail!("no free ports between {} and {}", PORTS.start, PORTS.end)
}

/// Whether a storm may take this directory for its own.
pub(crate) fn is_empty_or_absent(dir: &Path) -> bool {
    match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !dir.exists(),
    }
}

/// A file that is written from its beginning.
pub(crate) fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("can't write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, Instant};

    #[derive(Parser)]
    struct Storm {
        #[command(flatten)]
        storm: StormArgs,
    }

    /// A cluster whose program writes down its arguments and does nothing.
    fn cluster(line: &str) -> (tempfile::TempDir, ProcessCluster) {
        let args = Storm::parse_from(["storm"].into_iter().chain(line.split_whitespace())).storm;
        let dir = tempfile::tempdir().expect("a directory");
        let exe = dir.path().join("exe");
        let script = "#!/bin/sh\necho \"$@\" >&2\ncase $1 in end) exit 3;; esac\nexec sleep 600\n";
        fs::write(&exe, script).expect("written");
        fs::set_permissions(&exe, fs::Permissions::from_mode(0o755)).expect("made so");
        let cluster = ProcessCluster::new(&exe, dir.path(), &args).expect("made");
        (dir, cluster)
    }

    fn eventually(mut holds: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !holds() {
            assert!(begin.elapsed() < Duration::from_secs(20), "it never came");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn founders_are_in_the_contract_and_later_members_have_places() {
        let (dir, cluster) = cluster("--members");
        assert_eq!(cluster.endpoints().len(), SLOTS);
        assert!(cluster.running().is_empty());
        let text = fs::read_to_string(dir.path().join("contract.toml")).expect("written");
        let contract = Contract::parse("contract.toml", &text).expect("well-formed");
        assert_eq!(contract.cluster.len(), REPLICAS);
        for (id, member) in contract.cluster.members.iter().enumerate() {
            assert_eq!(member.name, ProcessCluster::name(id));
            assert_eq!(cluster.peer_url(id), format!("http://{}", member.peer));
            assert_eq!(cluster.endpoint(id).to_string(), member.client.to_string());
            // What 'quorate member' takes for the address of clients, if nothing says so.
            assert_eq!(member.peer.port(), member.client.port() + 1);
        }
        let (_dir, fixed) = self::cluster("");
        assert_eq!(fixed.endpoints().len(), REPLICAS);
    }

    #[test]
    fn a_replacement_starts_with_its_own_arguments_and_an_empty_directory() {
        let (_dir, mut cluster) = cluster("--members");
        cluster.start(1).expect("starts");
        eventually(|| cluster.last_output(1).contains("--id=1"));
        fs::create_dir_all(cluster.data(1).join("wal")).expect("made");
        cluster.kill(&[1]).expect("killed");
        cluster.wipe(1).expect("wiped");
        assert!(!cluster.data(1).exists());
        cluster.wipe(1).expect("nothing is there to be wiped");
        assert!(cluster.running().is_empty());
        let words = ["serve", "--join", "a:1"].map(str::to_owned);
        cluster.join(1, words.to_vec()).expect("starts");
        // As it started, so it starts again.
        for times in 1..=2 {
            eventually(|| cluster.last_output(1).matches("serve --join a:1").count() == times);
            assert_eq!(cluster.running(), [1]);
            cluster.kill(&[1]).expect("killed");
            cluster.start(1).expect("starts");
        }
        let said = cluster.last_output(1);
        assert!(
            said.contains("--join a:1 --lifeline --election-timeout=300"),
            "{said}"
        );
    }

    #[test]
    fn only_a_member_that_is_being_removed_may_end_by_itself() {
        let (_dir, mut cluster) = cluster("--members");
        let end = || vec!["end".to_owned()];
        cluster.join(3, end()).expect("starts");
        eventually(|| cluster.ended_by_itself().is_some_and(|(id, _)| id == 3));
        cluster.kill(&[3]).expect("it is gone");
        cluster.start(4).expect("starts");
        cluster.join(3, end()).expect("starts");
        cluster.expect_end(3);
        assert_eq!(cluster.running(), [4]);
        eventually(|| cluster.last_output(3).matches("end").count() >= 2);
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(cluster.ended_by_itself(), None);
        cluster.kill(&[3]).expect("it is gone");
        // The place is free for another one, which has to stay.
        cluster.join(3, end()).expect("starts");
        eventually(|| cluster.ended_by_itself().is_some());
    }
}
