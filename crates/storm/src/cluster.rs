//! The replicas: processes of their own, on loopback ports of their own, each in its directory.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, bail};
use quorate_contract::{Address, Cluster as Members, Contract};
use quorate_etcd::client::Endpoint;
use rustix::process::{Pid, Signal, kill_process};

use crate::args::StormArgs;

/// How many replicas there are: one may be down.
pub(crate) const REPLICAS: usize = 3;

/// Ports are drawn from below those that the system gives to connections that are made: else a
/// replica that is down could find its port taken when it comes back.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

#[derive(Debug)]
pub(crate) struct ProcessCluster {
    exe: PathBuf,
    dir: PathBuf,
    serve_args: Vec<String>,
    replicas: Vec<Replica>,
}

#[derive(Debug)]
struct Replica {
    endpoint: Endpoint,
    process: Option<Child>,
}

impl ProcessCluster {
    /// Writes the contract into `dir` and starts nothing yet.
    pub(crate) fn new(exe: &Path, dir: &Path, args: &StormArgs) -> anyhow::Result<Self> {
        let mut contract = Contract {
            cluster: Members::loopback("storm", REPLICAS),
            ..Contract::default()
        };
        let ports = free_ports(2 * REPLICAS)?;
        let mut replicas = vec![];
        for (member, ports) in contract.cluster.members.iter_mut().zip(ports.chunks(2)) {
            member.client = Address::loopback(ports[0]);
            member.peer = Address::loopback(ports[1]);
            replicas.push(Replica {
                endpoint: member.client.to_string().parse()?,
                process: None,
            });
        }
        fs::write(dir.join("contract.toml"), contract.to_toml())?;
        let serve_args = vec![
            format!("--election-timeout={}", args.election_timeout),
            format!("--heartbeat={}", args.heartbeat),
            format!("--sync-delay={}", args.sync_delay),
        ];
        Ok(Self {
            exe: exe.to_owned(),
            dir: dir.to_owned(),
            serve_args,
            replicas,
        })
    }

    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        self.replicas.iter().map(|r| r.endpoint.clone()).collect()
    }

    pub(crate) fn start(&mut self, id: usize) -> anyhow::Result<()> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log(id))?;
        let process = Command::new(&self.exe)
            .arg("serve")
            .arg("--contract")
            .arg(self.dir.join("contract.toml"))
            .arg("--id")
            .arg(id.to_string())
            .arg("--data-dir")
            .arg(self.data(id))
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

    /// A replica that has ended by itself, which none ever should, and how.
    pub(crate) fn ended_by_itself(&mut self) -> Option<(usize, ExitStatus)> {
        let ended = |(id, replica): (usize, &mut Replica)| {
            let process = replica.process.as_mut()?;
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
        for id in 0..REPLICAS {
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
        self.dir.join(format!("n{id}"))
    }

    fn log(&self, id: usize) -> PathBuf {
        self.dir.join(format!("n{id}.log"))
    }
}

impl Drop for ProcessCluster {
    fn drop(&mut self) {
        // What can't be killed here ends with the pipe to it.
        let _ = self.kill(&[0, 1, 2]);
    }
}

/// Unused ports of loopback. They are held until all are chosen, so they differ.
fn free_ports(n: usize) -> anyhow::Result<Vec<u16>> {
    let mut held: Vec<(u16, TcpListener)> = vec![];
    for _ in 0..10_000 {
        if held.len() == n {
            return Ok(held.into_iter().map(|(port, _)| port).collect());
        }
        let port = fastrand::u16(PORTS);
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            held.push((port, listener));
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
