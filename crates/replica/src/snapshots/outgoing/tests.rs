use super::*;
use crate::settings::Settings;
use quorate_core::replicated::Position;
use quorate_kv as kv;

const CHUNK: usize = 50_000;

/// A machine of some hundred kilobytes.
fn machine(index: u64) -> Machine {
    let mut machine = Machine::founding(Settings::default());
    for n in 0..60u64 {
        let put = kv::PutRequest {
            key: format!("key/{n}").into(),
            value: Bytes::from(vec![(n + index) as u8; 7000]),
            ..kv::PutRequest::default()
        };
        let _ = machine.store.apply(&kv::Command::Put(put));
    }
    machine.applied.index = index;
    machine
}

fn stream(machine: &Machine) -> Vec<u8> {
    let mut writer = MachineWriter::new(machine.clone());
    let mut all = vec![];
    while let Some(chunk) = writer.next_chunk(1 << 20) {
        all.extend(chunk);
    }
    all
}

fn meta(machine: &Machine) -> SnapshotMeta {
    SnapshotMeta {
        at: Position {
            term: 1,
            index: machine.index(),
        },
        size: stream(machine).len() as u64,
        digest: machine.digest(),
    }
}

/// Asks, and runs the jobs until the piece is there. Returns it, and whether it is the last.
fn piece(
    outgoing: &mut Outgoing,
    to: u32,
    meta: SnapshotMeta,
    at: u64,
    mutant: Mutant,
) -> Option<(Bytes, bool)> {
    let (to, mut jobs) = (NodeId(to), vec![]);
    let mut found = outgoing.want(to, meta, at, CHUNK, mutant, &mut jobs);
    while let Some(job) = jobs.pop() {
        if let super::super::JobResult::Encoded(encoded) = *job.run().0 {
            let piece = outgoing.on_encoded(to, encoded, CHUNK, &mut jobs);
            found = found.or(piece);
        }
    }
    match found? {
        Request::SnapshotData {
            offset, data, last, ..
        } => {
            assert_eq!(offset, at);
            Some((data, last))
        }
        other => panic!("{other:?}"),
    }
}

/// All pieces from `at` on.
fn rest(
    outgoing: &mut Outgoing,
    to: u32,
    meta: SnapshotMeta,
    mut at: u64,
    mutant: Mutant,
) -> Vec<u8> {
    let mut all = vec![];
    loop {
        let (data, last) = piece(outgoing, to, meta, at, mutant).expect("it is kept");
        at += data.len() as u64;
        all.extend(data);
        if last {
            return all;
        }
    }
}

#[test]
fn a_transfer_hands_out_the_stream_and_each_piece_as_often_as_asked() {
    let machine = machine(5);
    let (meta, mut outgoing) = (meta(&machine), Outgoing::new(machine.clone()));
    let first = piece(&mut outgoing, 1, meta, 0, Mutant::None);
    assert_eq!(piece(&mut outgoing, 1, meta, 0, Mutant::None), first);
    assert_eq!(
        rest(&mut outgoing, 1, meta, 0, Mutant::None),
        stream(&machine)
    );
    let beyond = piece(&mut outgoing, 1, meta, meta.size + 1, Mutant::None);
    assert_eq!(beyond, None);
}

/// It goes on where it broke off, whatever was lost; the seeded defect shows.
#[test]
fn a_transfer_resumes_after_a_break() {
    let machine = machine(5);
    let (meta, all) = (meta(&machine), stream(&machine));
    let mut outgoing = Outgoing::new(machine);
    let (first, _) = piece(&mut outgoing, 1, meta, 0, Mutant::None).expect("it is kept");
    for at in [first.len(), 1, 77_777, all.len() - 1, all.len()] {
        outgoing.stop(&mut vec![]);
        let resumed = rest(&mut outgoing, 1, meta, at as u64, Mutant::None);
        assert!(resumed == all[at..], "from {at}");
    }
    outgoing.stop(&mut vec![]);
    let lost = rest(&mut outgoing, 1, meta, 77_777, Mutant::ChunkLostInResume);
    assert!(lost != all[77_777..]);
}

/// Newer checkpoints come while it runs: it keeps its state. What is not needed goes at once.
#[test]
fn a_transfer_keeps_its_state_alive() {
    let old = machine(5);
    let (meta_old, all) = (meta(&old), stream(&old));
    let mut outgoing = Outgoing::new(old);
    let (mut got, mut jobs) = (vec![], vec![]);
    for index in 6.. {
        let at = got.len() as u64;
        let (data, last) = piece(&mut outgoing, 1, meta_old, at, Mutant::None).expect("it is kept");
        got.extend(data);
        if last {
            break;
        }
        outgoing.freeze(machine(index), Marks::default(), &mut jobs);
        assert!(outgoing.frozen.len() <= 2);
        assert_eq!(
            jobs.drain(..).count(),
            usize::from(index > 6),
            "what is dropped"
        );
    }
    assert!(got == all);
    // It is over, and after two more nothing is left of it.
    outgoing.freeze(machine(100), Marks::default(), &mut jobs);
    outgoing.freeze(machine(101), Marks::default(), &mut jobs);
    assert_eq!((outgoing.frozen.len(), outgoing.transfers.len()), (1, 0));
}

/// At most so many states: the oldest transfer is given up, and its follower begins again.
#[test]
fn frozen_states_are_bounded() {
    let first = machine(5);
    let meta_first = meta(&first);
    let mut outgoing = Outgoing::new(first);
    let mut jobs = vec![];
    let mut metas = vec![meta_first];
    for n in 0..4u64 {
        for (to, meta) in metas.iter().enumerate() {
            // Each follower goes on with its own, as long as it is kept.
            piece(&mut outgoing, to as u32, *meta, 0, Mutant::None);
        }
        let machine = machine(6 + n);
        metas.push(meta(&machine));
        outgoing.freeze(machine, Marks::default(), &mut jobs);
        assert!(outgoing.frozen.len() <= FROZEN, "{}", outgoing.frozen.len());
    }
    assert_eq!(piece(&mut outgoing, 0, meta_first, 0, Mutant::None), None);
    let newest = metas[metas.len() - 1];
    assert!(piece(&mut outgoing, 0, newest, 0, Mutant::None).is_some());
    assert!(!jobs.is_empty(), "states were handed out to be dropped");
}
