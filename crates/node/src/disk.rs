//! The disk's thread: whatever has gathered is written together and synced once.
//!
//! The queue has no bound of its own. What fills it is bounded before: client writes by the
//! replica's admission control, which looks at how many bursts wait; what peers send by
//! [`QueueDisk::is_behind`], at which the replica's thread leaves peers' messages in its inbox.

use crate::serving::{Journal, Record, Serving};
use quorate_core::driver::{Disk, Lsn};
use quorate_core::replicated::Replicated;
use quorate_replica::JournalError;
use quorate_wal::Storage;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, mem};

/// When nothing was written for this long, what is durable is marked as such.
const IDLE: Duration = Duration::from_millis(200);
/// With so many bytes waiting, the disk is behind.
const BEHIND_BYTES: u64 = 64 << 20;

/// What the replica's thread and the disk's have in common.
#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
    durable: AtomicU64,
    waiting_bytes: AtomicU64,
    failure: OnceLock<String>,
}

#[derive(Debug, Default)]
struct Queue {
    records: Vec<Record>,
    bytes: u64,
    stop: bool,
    asleep: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The replica's side: takes records over at once, knows how far they are durable.
#[derive(Debug)]
pub(crate) struct QueueDisk {
    shared: Arc<Shared>,
    last: Lsn,
}

impl QueueDisk {
    /// Does so much wait that nothing more should be taken from peers?
    pub(crate) fn is_behind(&self) -> bool {
        self.shared.waiting_bytes.load(Ordering::Relaxed) > BEHIND_BYTES
    }
}

impl Disk<Record> for QueueDisk {
    fn append(&mut self, records: &mut Vec<Record>) -> Lsn {
        if records.is_empty() {
            return self.last;
        }
        self.last += records.len() as u64;
        let bytes = records.iter().map(weight).sum::<u64>();
        self.shared
            .waiting_bytes
            .fetch_add(bytes, Ordering::Relaxed);
        let mut queue = self.shared.queue();
        queue.bytes += bytes;
        queue.records.append(records);
        let asleep = queue.asleep;
        drop(queue);
        if asleep {
            self.shared.arrived.notify_one();
        }
        self.last
    }

    fn durable(&self) -> io::Result<Lsn> {
        match self.shared.failure.get() {
            Some(failure) => Err(io::Error::other(failure.clone())),
            None => Ok(self.shared.durable.load(Ordering::Acquire)),
        }
    }
}

/// About how many bytes a record takes.
fn weight(record: &Record) -> u64 {
    Serving::record_bytes(record) as u64 + 64
}

/// The thread that owns the log.
#[derive(Debug)]
pub(crate) struct DiskThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl DiskThread {
    /// Starts the thread. It calls `on_progress` after each sync, and once with `None` when the log
    /// has failed.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub(crate) fn start<S, F>(journal: Journal<S>, on_progress: F) -> io::Result<(Self, QueueDisk)>
    where
        S: Storage + Send + 'static,
        F: Fn(Option<Synced>) + Send + 'static,
    {
        let last = journal.last();
        let shared = Arc::new(Shared {
            durable: last.into(),
            ..Shared::default()
        });
        let writer = Writer {
            shared: shared.clone(),
            journal,
            on_progress,
            dirty: true,
            untidy: true,
        };
        let thread = thread::Builder::new()
            .name("disk".to_owned())
            .spawn(move || writer.run())?;
        Ok((
            Self {
                shared: shared.clone(),
                thread: Some(thread),
            },
            QueueDisk { shared, last },
        ))
    }

    /// Writes what waits, marks the log as ended in order, and ends the thread.
    pub(crate) fn stop(&mut self) {
        self.shared.queue().stop = true;
        self.shared.arrived.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported by then; there is nothing to add to it.
            let _ = thread.join();
        }
    }
}

impl Drop for DiskThread {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Something became durable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Synced {
    /// How long the sync took.
    pub(crate) took: Duration,
    /// About how many bytes were written for it.
    pub(crate) bytes: u64,
}

struct Writer<S: Storage, F> {
    shared: Arc<Shared>,
    journal: Journal<S>,
    on_progress: F,
    /// Was anything written since the log was marked as idle?
    dirty: bool,
    /// Is there work left that nothing waits for?
    untidy: bool,
}

/// Whatever ends the thread, no caller must wait for it: a panic is a failure of the disk.
struct FailOnDrop(Arc<Shared>);

impl Drop for FailOnDrop {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self
                .0
                .failure
                .set("the disk's thread has panicked".to_owned());
        }
    }
}

impl<S: Storage, F: Fn(Option<Synced>)> Writer<S, F> {
    fn run(mut self) {
        let _guard = FailOnDrop(self.shared.clone());
        let mut records = vec![];
        loop {
            let (bytes, stop) = self.wait(&mut records);
            let result = if !records.is_empty() {
                self.write(&mut records, bytes)
            } else if self.untidy {
                Ok(())
            } else {
                self.rest()
            };
            // One piece after each batch and while nothing waits: a batch that comes now waits for
            // one directory sync or the removal of one file at most.
            let result = result.and_then(|()| {
                self.untidy = self.untidy && self.journal.tidy()?;
                Ok(())
            });
            self.shared
                .waiting_bytes
                .fetch_sub(bytes, Ordering::Relaxed);
            if let Err(error) = result {
                // Final: what a failed write or sync has left on the disk is unknown.
                let _ = self.shared.failure.set(error.to_string());
                (self.on_progress)(None);
                return;
            }
            if stop {
                return;
            }
        }
    }

    /// Waits for records; for a while only, if there is something left to do when there are none.
    fn wait(&self, records: &mut Vec<Record>) -> (u64, bool) {
        let mut queue = self.shared.queue();
        let idle = |queue: &mut Queue| queue.records.is_empty() && !queue.stop;
        if idle(&mut queue) {
            queue.asleep = true;
            let wait = match (self.untidy, self.dirty) {
                (true, _) => Duration::ZERO,
                (false, true) => IDLE,
                (false, false) => Duration::MAX,
            };
            let result = self.shared.arrived.wait_timeout_while(queue, wait, idle);
            queue = result.unwrap_or_else(PoisonError::into_inner).0;
            queue.asleep = false;
        }
        mem::swap(&mut queue.records, records);
        let stop = queue.stop && records.is_empty();
        (mem::take(&mut queue.bytes), stop)
    }

    fn write(&mut self, records: &mut Vec<Record>, bytes: u64) -> Result<(), JournalError> {
        (self.dirty, self.untidy) = (true, true);
        for record in records.drain(..) {
            self.journal.append(&record)?;
        }
        self.journal.write()?;
        let start = Instant::now();
        let durable = self.journal.sync()?;
        self.shared.durable.store(durable, Ordering::Release);
        (self.on_progress)(Some(Synced {
            took: start.elapsed(),
            bytes,
        }));
        Ok(())
    }

    fn rest(&mut self) -> Result<(), JournalError> {
        if mem::take(&mut self.dirty) {
            self.journal.seal()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{HookedStorage, StorageOp};
    use quorate_wal::testing::MemStorage;
    use quorate_wal::{Config, Identity, Recovery};
    use std::sync::mpsc;

    fn journal<S: Storage>(storage: S) -> Journal<S> {
        let config = Config {
            segment_bytes: 1 << 20,
            ..Config::new(Identity {
                cluster: 1,
                replica: 1,
            })
        };
        Journal::new(
            Recovery::new(storage, config)
                .finish()
                .expect("a new log")
                .0,
        )
    }

    fn ballot(term: u64) -> Record {
        Record::Ballot { term, vote: None }
    }

    #[test]
    fn records_become_durable_in_order_and_are_announced() {
        let (tell, told) = mpsc::channel();
        let on_progress = move |synced: Option<Synced>| tell.send(synced).expect("heard");
        let (mut thread, mut disk) =
            DiskThread::start(journal(MemStorage::new()), on_progress).expect("a thread");
        assert_eq!(disk.append(&mut vec![]), 0);
        let mut lsn = 0;
        for term in 1..=100 {
            let mut records = vec![ballot(term), ballot(term)];
            lsn = disk.append(&mut records);
            assert!(records.is_empty());
        }
        assert_eq!(lsn, 200);
        while disk.durable().expect("good") < lsn {
            assert!(
                told.recv_timeout(Duration::from_secs(10))
                    .expect("progress")
                    .is_some()
            );
        }
        assert!(!disk.is_behind());
        thread.stop();
        assert_eq!(disk.durable().expect("good"), 200);
    }

    /// What is durable is announced before superseded segments are removed and before the next one
    /// is made.
    #[test]
    fn nothing_waits_for_tidying() {
        let calls = Arc::new(Mutex::new(vec![]));
        let (noted, announced) = (calls.clone(), calls.clone());
        let storage = HookedStorage::new(MemStorage::new(), move |op: StorageOp<'_>| {
            noted.lock().expect("sound").push(format!("{op:?}"));
            Ok(())
        });
        let on_progress = move |_| {
            announced
                .lock()
                .expect("sound")
                .push("announced".to_owned())
        };
        let (mut thread, mut disk) = DiskThread::start(journal(storage), on_progress).expect("ok");
        let data = bytes::Bytes::from(vec![7; 700 << 10]);
        let chunk = |id| Record::SnapshotChunk {
            id,
            offset: 0,
            data: data.clone(),
        };
        let base = quorate_core::replicated::Position::default();
        let begin = Record::SnapshotBegin {
            id: 2,
            term: 1,
            vote: None,
            boots: 1,
            base,
            configuration: Default::default(),
        };
        let end = Record::SnapshotEnd {
            id: 2,
            meta: Default::default(),
            base,
            configuration: Default::default(),
        };
        disk.append(&mut vec![chunk(1)]);
        disk.append(&mut vec![begin, chunk(2), end]);
        thread.stop();
        let calls = calls.lock().expect("sound");
        let place = |what: &str| calls.iter().rposition(|call| call == what);
        let announced = place("announced").expect("announced");
        let removed = place("Remove(\"0000000000000001.wal\")").expect("removed");
        let made = place("Create(\"0000000000000003.wal\")").expect("made in advance");
        assert!(announced < removed && announced < made, "{calls:#?}");
    }

    /// What a snapshot restates of the log weighed nothing, so a disk that was megabytes behind looked
    /// idle, and peers were let send more.
    #[test]
    fn each_record_weighs_what_it_carries() {
        use quorate_core::replicated::{Entries, Entry};
        let data = bytes::Bytes::from(vec![7; 1 << 20]);
        let entry = Entry {
            term: 1,
            payload: data.clone().into(),
        };
        let entries = || Entries::new(vec![entry.clone()]).expect("one term");
        for heavy in [
            Record::Append {
                at: 1,
                entries: entries(),
            },
            Record::SnapshotTail {
                at: 1,
                entries: entries(),
            },
            Record::SnapshotChunk {
                id: 1,
                offset: 0,
                data,
            },
        ] {
            assert!(weight(&heavy) >= 1 << 20);
            let shared = Arc::new(Shared::default());
            let mut disk = QueueDisk { shared, last: 0 };
            disk.append(&mut vec![heavy.clone(); 63]);
            assert!(!disk.is_behind());
            disk.append(&mut vec![heavy; 2]);
            assert!(disk.is_behind());
        }
        assert!(weight(&ballot(1)) > 0, "many small ones count as well");
    }

    #[test]
    fn what_waits_is_written_before_the_thread_ends() {
        let (mut thread, mut disk) =
            DiskThread::start(journal(MemStorage::new()), |_| ()).expect("a thread");
        let lsn = disk.append(&mut vec![ballot(1); 1000]);
        thread.stop();
        assert_eq!(disk.durable().expect("good"), lsn);
    }

    /// A full disk: the failure is announced once, in words, and is final.
    #[test]
    fn a_failed_write_is_final() {
        let mut storage = MemStorage::new();
        storage.set_capacity(2 << 20);
        let (tell, told) = mpsc::channel();
        let on_progress = move |synced: Option<Synced>| tell.send(synced).expect("heard");
        let (_thread, mut disk) =
            DiskThread::start(journal(storage), on_progress).expect("a thread");
        let data = bytes::Bytes::from(vec![7; 100 << 10]);
        let chunk = Record::SnapshotChunk {
            id: 1,
            offset: 0,
            data,
        };
        for _ in 0..100 {
            disk.append(&mut vec![chunk.clone()]);
        }
        loop {
            if told
                .recv_timeout(Duration::from_secs(10))
                .expect("progress")
                .is_none()
            {
                break;
            }
        }
        let error = disk.durable().expect_err("failed").to_string();
        assert!(error.contains("no space left"), "{error}");
        disk.append(&mut vec![ballot(1)]);
        assert!(disk.durable().is_err());
        assert!(
            told.recv_timeout(Duration::from_millis(50)).is_err(),
            "nothing more is announced"
        );
    }
}
