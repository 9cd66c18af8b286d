//! Links under an adversary who reads, keeps, repeats, changes and redirects packets.

use crate::world::{Acts, Message, NODES, World, breaks, holds, hostile};
use quorate_core::{NodeId, Time};
use quorate_links::authenticated::{AuthenticatedConfig, Sealed};
use quorate_links::history::{self, LinkViolation};
use quorate_links::reliable::{Config, Packet};
use quorate_links::{
    Authenticated, Endpoints, Epoch, FairLoss, KeyRing, Link, LinkKey, LinkOutput, Missing,
};
use quorate_links::{Lane, LinkRefusal, Reliable, SendError};

type Layered = Authenticated<Reliable<Message>>;
type SealedWorld = World<Layered>;

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);
const SECRET: [u8; 32] = [7; 32];

fn config<C>(link: C, me: NodeId, missing: Missing) -> AuthenticatedConfig<C> {
    AuthenticatedConfig {
        keys: KeyRing::deal(&SECRET, me, NODES),
        link,
        max_packet: 256,
        missing,
    }
}

fn flip(packet: &Message, bit: usize) -> Option<Message> {
    Some(packet ^ 1 << (bit % 64))
}

fn flip_sealed(packet: &Sealed, bit: usize) -> Option<Sealed> {
    let mut bytes = packet.bytes.to_vec();
    let mut seal = packet.seal;
    let length = bytes.len();
    match bit / 8 % (length + 32) {
        at if at < length => bytes[at] ^= 1 << (bit % 8),
        at => seal[at - length] ^= 1 << (bit % 8),
    }
    let bytes = bytes.into();
    Some(Sealed { bytes, seal })
}

fn run(missing: Missing, acts: &Acts) -> SealedWorld {
    let link = Config {
        window: 4,
        buffer: 5,
        ..Config::default()
    };
    let configs: Vec<_> = NodeId::all(NODES)
        .map(|me| config(link, me, missing))
        .collect();
    let mut world = World::new(&configs, flip_sealed);
    acts.iter().for_each(|act| world.act(act));
    world.settle(3);
    world
}

fn integrity(missing: Missing) -> impl Fn(&Acts) -> Result<(), LinkViolation> {
    move |acts| history::integrity(&run(missing, acts).history)
}

fn authenticity(missing: Missing) -> impl Fn(&Acts) -> Result<(), LinkViolation> {
    move |acts| history::authenticity(&run(missing, acts).history)
}

#[test]
fn integrity_whatever_is_flipped() {
    holds(&hostile(), integrity(Missing::Nothing));
    breaks("integrity", &hostile(), integrity(Missing::Seal));
}

#[test]
fn authenticity_whoever_claims_to_speak() {
    holds(&hostile(), authenticity(Missing::Nothing));
    breaks("authenticity", &hostile(), authenticity(Missing::Seal));
    breaks("authenticity", &hostile(), authenticity(Missing::Identity));
}

#[test]
fn no_duplication_whatever_is_replayed() {
    holds(&hostile(), |acts| {
        history::no_duplication(&run(Missing::Nothing, acts).history)
    });
    breaks("no duplication", &hostile(), |acts| {
        let configs: Vec<_> = NodeId::all(NODES)
            .map(|me| config((), me, Missing::Nothing))
            .collect();
        let mut world: World<Authenticated<FairLoss<Message>>> = World::new(&configs, flip_sealed);
        acts.iter().for_each(|act| world.act(act));
        history::no_duplication(&world.history)
    });
}

#[test]
fn reliable_delivery_in_spite_of_the_adversary() {
    let delivery = |missing| {
        move |acts: &Acts| {
            let world = run(missing, acts);
            history::reliable_delivery(&world.history, &world.epochs)
        }
    };
    holds(&hostile(), delivery(Missing::Nothing));
    // A forged acknowledgement makes the sender forget.
    breaks("reliable delivery", &hostile(), delivery(Missing::Seal));
}

#[test]
fn the_wire_itself_has_neither_integrity_nor_authenticity() {
    let run = |acts: &Acts| {
        let mut world: World<FairLoss<Message>> = World::new(&[()], flip);
        acts.iter().for_each(|act| world.act(act));
        world.history
    };
    breaks("integrity", &hostile(), |acts| {
        history::integrity(&run(acts))
    });
    breaks("authenticity", &hostile(), |acts| {
        history::authenticity(&run(acts))
    });
}

fn end(me: NodeId, peer: NodeId) -> Layered {
    let config = config(Config::default(), me, Missing::Nothing);
    let epoch = Epoch(1);
    Link::<Message>::open(&config, Endpoints { me, peer, epoch })
}

fn hello(link: &mut Layered) -> Sealed {
    let mut out = LinkOutput::default();
    Link::<Message>::send(link, Time::ZERO, 5, Lane::Eager).unwrap();
    Link::<Message>::flush(link, Time::ZERO, &mut out);
    out.packets.remove(0).1
}

fn hear(link: &mut Layered, packet: Sealed) -> Result<(), LinkRefusal> {
    let mut inbox: Vec<Message> = vec![];
    link.on_packet(Time::ZERO, packet, &mut inbox).map(|_| ())
}

#[test]
fn a_seal_fits_one_packet_from_one_node_to_one() {
    let packet = hello(&mut end(A, B));
    assert_eq!(hear(&mut end(B, A), packet.clone()), Ok(()));
    // As from another, to another, and back to its sender.
    for (me, peer) in [(B, NodeId(2)), (NodeId(2), A), (A, B)] {
        let refused = hear(&mut end(me, peer), packet.clone());
        assert_eq!(refused, Err(LinkRefusal::BadSeal), "{me} from {peer}");
    }
    for bit in 0..(packet.bytes.len() + 32) * 8 {
        let flipped = flip_sealed(&packet, bit).unwrap();
        assert_eq!(hear(&mut end(B, A), flipped), Err(LinkRefusal::BadSeal));
    }
}

/// A node that holds its own ring only cannot speak in the name of another.
#[test]
fn a_member_cannot_make_the_seal_of_another() {
    let ring = |me| KeyRing::deal(&SECRET, me, NODES);
    assert_eq!(ring(A).get(B), ring(B).get(A));
    assert_ne!(ring(A).get(B), ring(A).get(NodeId(2)));
    assert_eq!(ring(A).get(A), None);
    let liar = AuthenticatedConfig {
        // What node 2 has of node 1, put to use as if it were node 0's.
        keys: KeyRing::new([(B, ring(NodeId(2)).get(B).unwrap().clone())]),
        ..config(Config::default(), A, Missing::Nothing)
    };
    let ends = Endpoints {
        me: A,
        peer: B,
        epoch: Epoch(9),
    };
    let mut forger: Layered = Link::<Message>::open(&liar, ends);
    assert_eq!(
        hear(&mut end(B, A), hello(&mut forger)),
        Err(LinkRefusal::BadSeal)
    );
}

#[test]
fn bounds_keys_and_garbage_are_refusals() {
    // Sealed by a liar that does have the key: the bytes are no packet, or too many.
    let key = KeyRing::deal(&SECRET, A, NODES).get(B).unwrap().clone();
    let nonsense = config((), A, Missing::Nothing);
    let ends = Endpoints {
        me: A,
        peer: B,
        epoch: Epoch(1),
    };
    let mut longer = hello(&mut end(A, B)).bytes.to_vec();
    longer.push(0);
    for (bytes, why) in [
        (vec![], LinkRefusal::Malformed),
        (longer, LinkRefusal::Malformed),
        (vec![0xff; 40], LinkRefusal::Malformed),
        (vec![0; 300], LinkRefusal::TooLarge),
    ] {
        let wide = AuthenticatedConfig {
            max_packet: 4096,
            ..nonsense.clone()
        };
        let mut liar: Authenticated<FairLoss<Raw>> = Link::<Raw>::open(&wide, ends);
        liar.send(Time::ZERO, Raw(bytes), Lane::Eager).unwrap();
        let mut out = LinkOutput::default();
        liar.flush(Time::ZERO, &mut out);
        assert_eq!(hear(&mut end(B, A), out.packets.remove(0).1), Err(why));
    }
    // A message is refused by its sender when its packet might be.
    let mut words: Authenticated<Reliable<String>> =
        Link::<String>::open(&config(Config::default(), A, Missing::Nothing), ends);
    let room = 256 - <Reliable<String> as Link<String>>::OVERHEAD - 2;
    assert_eq!(
        words.send(Time::ZERO, "x".repeat(room), Lane::Eager),
        Ok(())
    );
    let refused = words.send(Time::ZERO, "x".repeat(room + 1), Lane::Eager);
    assert_eq!(refused.unwrap_err().why, LinkRefusal::TooLarge);
    // Without a key there is nothing to say.
    let mut mute: Layered = Link::<Message>::open(
        &AuthenticatedConfig {
            keys: KeyRing::default(),
            ..config(Config::default(), A, Missing::Nothing)
        },
        ends,
    );
    let why = LinkRefusal::NoKey;
    let unsent = SendError { message: 5, why };
    assert_eq!(mute.send(Time::ZERO, 5, Lane::Eager), Err(unsent));
    assert_eq!(
        hear(&mut mute, hello(&mut end(B, A))),
        Err(LinkRefusal::NoKey)
    );
    // Nothing of a key is ever shown.
    assert_eq!(format!("{key:?}"), "Key(redacted)");
    let shown = format!("{:?}", end(A, B));
    assert!(shown.contains("redacted") && !shown.contains(&format!("{:02x}", 7).repeat(4)));
    assert_ne!(LinkKey::new([1; 32]), LinkKey::new([2; 32]));
}

/// Bytes as they are, without the length that postcard puts before a vector.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Raw(Vec<u8>);
impl serde::Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple;
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        self.0
            .iter()
            .try_for_each(|byte| tuple.serialize_element(byte))?;
        tuple.end()
    }
}
impl<'de> serde::Deserialize<'de> for Raw {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u8::deserialize(deserializer).map(|byte| Self(vec![byte]))
    }
}

/// What [`Link::OVERHEAD`] says is enough for the largest figures.
#[test]
fn the_largest_packet_is_within_the_stated_overhead() {
    let max = u64::MAX;
    let packet = Packet {
        from: Epoch(max),
        to: Some(Epoch(max)),
        ack: quorate_links::reliable::Ack {
            through: max,
            beyond: u128::MAX,
        },
        body: Some((max, 1u8)),
    };
    let size = postcard::to_stdvec(&packet).unwrap().len();
    assert_eq!(size, 1 + <Reliable<u8> as Link<u8>>::OVERHEAD);
}
