//! What signatures and certificates must do, in both schemes.

use proptest::prelude::*;
use quorate_core::NodeId;
use quorate_crypto::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Vote {
    view: u64,
    value: u8,
}
impl Statement for Vote {
    const DOMAIN: &'static str = "test/vote";
}

/// The same fields in another domain.
#[derive(Clone, Debug, Serialize)]
struct Veto {
    view: u64,
    value: u8,
}
impl Statement for Veto {
    const DOMAIN: &'static str = "test/veto";
}

const BOTH: [Scheme; 2] = [Scheme::Ed25519, Scheme::Ideal];
const VOTE: Vote = Vote { view: 3, value: 9 };

#[test]
fn a_signature_holds_for_its_signer_statement_domain_and_instance_only() {
    for scheme in BOTH {
        let keys = deal(scheme, Instance(1), 4, 7);
        let signed = keys[2].sign(VOTE).into_signed();
        let signature = signed.signature();
        assert!(keys[0].verify(signed.clone()).is_ok());
        let other = Vote { value: 8, ..VOTE };
        let forged = Signed::claimed(NodeId(2), other, signature);
        assert_eq!(
            keys[0].verify(forged),
            Err(SignatureError::BadSignature(NodeId(2)))
        );
        let stolen = Signed::claimed(NodeId(1), VOTE, signature);
        assert_eq!(
            keys[0].verify(stolen),
            Err(SignatureError::BadSignature(NodeId(1)))
        );
        let stranger = Signed::claimed(NodeId(4), VOTE, signature);
        assert_eq!(
            keys[0].verify(stranger),
            Err(SignatureError::Stranger(NodeId(4)))
        );
        let veto = Veto { view: 3, value: 9 };
        let veto = Signed::claimed(NodeId(2), veto, signature);
        assert!(keys[0].verify(veto).is_err());
        let elsewhere = &deal(scheme, Instance(2), 4, 7)[0];
        assert!(elsewhere.verify(signed.clone()).is_err());
        let others = &deal(scheme, Instance(1), 4, 8)[0];
        assert!(others.verify(signed).is_err());
    }
}

#[test]
fn a_signature_of_the_other_scheme_is_worth_nothing() {
    let [real, ideal] = BOTH.map(|scheme| deal(scheme, Instance(1), 4, 7));
    assert!(real[0].verify(ideal[1].sign(VOTE).into_signed()).is_err());
    assert!(ideal[0].verify(real[1].sign(VOTE).into_signed()).is_err());
}

#[test]
fn a_key_must_be_the_one_at_its_place() {
    for scheme in BOTH {
        let roster = deal(scheme, Instance(1), 2, 7)[0].roster().clone();
        let secret = SecretKey::from_seed(scheme, [5; 32]);
        assert!(Keychain::new(NodeId(0), secret.clone(), roster).is_none());
        let roster = KeyRoster::new(Instance(1), vec![secret.public()]).expect("one key");
        assert!(Keychain::new(NodeId(0), secret.clone(), roster.clone()).is_some());
        assert!(Keychain::new(NodeId(1), secret.clone(), roster).is_none());
        assert_eq!(format!("{secret:?}"), "SecretKey(..)");
    }
}

#[test]
fn a_certificate_counts_distinct_signers_of_the_same_content() {
    for scheme in BOTH {
        let keys = deal(scheme, Instance(1), 4, 7);
        let mut votes = Votes::default();
        for key in &keys[..2] {
            votes.add(key.sign(VOTE));
        }
        let other = Vote { value: 1, ..VOTE };
        assert_eq!(votes.add(keys[2].sign(other.clone())), Counted::Yes(1));
        assert_eq!(votes.add(keys[1].sign(VOTE)), Counted::Again);
        // Three acknowledgements are there, and no quorum of three.
        assert_eq!(votes.voters().len(), 3);
        assert!(votes.any_certificate(3).is_none());
        let Counted::Equivocation(lie) = votes.add(keys[2].sign(VOTE)) else {
            panic!("a second vote counts");
        };
        assert!(keys[0].verify(lie.first).is_ok() && keys[0].verify(lie.second).is_ok());
        assert_eq!(votes.add(keys[3].sign(VOTE)), Counted::Yes(3));
        let certificate = votes.certificate(&VOTE, 3).expect("a quorum");
        assert_eq!(certificate.signers().len(), 3);
        assert!(votes.certificate(&other, 3).is_none());

        let bytes = postcard::to_stdvec(&certificate).expect("plain data");
        let received: Certificate<Vote> = postcard::from_bytes(&bytes).expect("as sent");
        assert_eq!(keys[0].certify(received.clone(), 3), Ok(certificate));
        let need = SignatureError::TooFew { have: 3, need: 4 };
        assert_eq!(keys[0].certify(received.clone(), 4), Err(need));

        let mut signatures = received.claimed_signatures().to_vec();
        signatures[2] = signatures[1];
        let padded = Certificate::claimed(VOTE, signatures);
        assert_eq!(
            keys[0].certify(padded, 3),
            Err(SignatureError::Disorder(NodeId(1)))
        );
        let renamed = Certificate::claimed(other, received.claimed_signatures().to_vec());
        assert!(keys[0].certify(renamed, 3).is_err());
    }
}

#[test]
fn public_keys_travel_as_bytes_and_ideal_ones_do_not() {
    let real = SecretKey::from_seed(Scheme::Ed25519, [1; 32]).public();
    let bytes = real.to_ed25519_bytes().expect("a real key");
    assert_eq!(PublicKey::from_ed25519_bytes(bytes), Some(real));
    let ideal = SecretKey::from_seed(Scheme::Ideal, [1; 32]).public();
    assert_eq!(ideal.to_ed25519_bytes(), None);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Batch and single verification agree, with any signatures spoilt at any bit.
    #[test]
    fn a_certificate_is_good_when_each_signature_is(
        spoilt in prop::collection::vec((0..7_u8, 0..512_usize), 0..3),
        ideal in any::<bool>(),
    ) {
        let scheme = BOTH[usize::from(ideal)];
        let keys = deal(scheme, Instance(1), 7, 3);
        let mut signatures: Vec<_> =
            keys.iter().map(|key| (key.me(), key.sign(VOTE).signature())).collect();
        for (node, bit) in spoilt {
            let bytes = postcard::to_stdvec(&signatures[usize::from(node)].1).expect("plain");
            // The first byte names the scheme.
            let mut bytes = bytes;
            let at = 1 + (bit / 8) % (bytes.len() - 1);
            bytes[at] ^= 1 << (bit % 8);
            if let Ok(signature) = postcard::from_bytes(&bytes) {
                signatures[usize::from(node)].1 = signature;
            }
        }
        let singly = signatures.iter().all(|(node, signature)| {
            keys[0].verify(Signed::claimed(*node, VOTE, *signature)).is_ok()
        });
        let together = keys[0].certify(Certificate::claimed(VOTE, signatures), 5).is_ok();
        prop_assert_eq!(singly, together);
    }

    /// Bytes from a liar are refused or refuted, and never a panic.
    #[test]
    fn bad_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let keys = deal(Scheme::Ed25519, Instance(1), 4, 3);
        if let Ok(certificate) = postcard::from_bytes::<Certificate<Vote>>(&bytes) {
            prop_assert!(keys[0].certify(certificate, 3).is_err());
        }
        if let Ok(signed) = postcard::from_bytes::<Signed<Vote>>(&bytes) {
            prop_assert!(keys[0].verify(signed).is_err());
        }
    }
}
