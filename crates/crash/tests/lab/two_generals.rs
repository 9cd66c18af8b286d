//! Two generals: what luck they have, measured beside what the binomial distribution says.

use crate::world::*;
use bytes::Bytes;
use expect_test::expect;
use quorate_crash::two_generals::*;

fn plan() -> AttackPlan {
    AttackPlan(Bytes::from_static(b"09:00"))
}

/// Did each attack?
fn battle(config: &Config, seed: u64, loss: u64) -> [bool; 2] {
    let weather = WireProfile {
        loss,
        repeat: 10,
        ..WireProfile::CALM
    };
    let mut world: World<General> = lab_world(config.clone(), 2, seed, weather);
    world.ask(0, plan());
    world.settle();
    world.check().unwrap();
    [0, 1].map(|node| matches!(world.state(node).decided(), Some(Output::Attack { .. })))
}

/// P(at least `needed` of `n` arrive).
fn gets_through(config: &Config, loss: u64) -> f64 {
    let (n, q) = (i32::from(config.messengers), loss as f64 / 100.0);
    let mut choose = 1.0;
    let mut sum = 0.0;
    for arrived in 0..=n {
        if arrived >= i32::from(config.needed) {
            sum += choose * (1.0 - q).powi(arrived) * q.powi(n - arrived);
        }
        choose = choose * f64::from(n - arrived) / f64::from(arrived + 1);
    }
    sum
}

#[test]
fn where_no_messenger_is_caught_they_attack_together() {
    for legs in 1..6 {
        let config = Config {
            messengers: 3,
            needed: 2,
            legs,
            ..Config::default()
        };
        config.check().unwrap();
        assert_eq!(battle(&config, 0, 0), [true, true]);
        assert_eq!(battle(&config, 0, 100), [legs == 1, false]);
    }
}

#[test]
fn the_valley_as_traced() {
    // The confirmation is caught: A2 attacks, A1 has not heard that it will.
    let config = Config {
        legs: 2,
        ..Config::default()
    };
    let mut world: World<General> = lab_world(config, 2, 0, WireProfile::CALM);
    world.print = arrivals();
    world.transit = Box::new(|_, _, _, _, message| (message.leg < 2).then_some(ZERO));
    world.ask(0, plan());
    world.settle();
    expect![[r#"
        0.0 ms     n0 is asked AttackPlan(b"09:00")
        1.0 ms     n0 → n1  Message { leg: 1, messenger: 0, plan: b"09:00" }
        1.0 ms     n1 ⇢ n0  Message { leg: 2, messenger: 0, plan: b"09:00" } is lost
        1000.0 ms  n0 says CallOff
        1000.0 ms  n1 says Attack { plan: b"09:00" }
    "#]]
    .assert_eq(&world.transcript);
}

#[test]
fn they_part_as_often_as_the_distribution_says() {
    let rows = [
        // messengers, needed, legs, loss
        (1, 1, 1, 20),
        (1, 1, 2, 20),
        (1, 1, 3, 20),
        (1, 1, 7, 20),
        (10, 1, 1, 50),
        (10, 5, 1, 50),
        (10, 5, 2, 50),
        (100, 10, 1, 90),
        (100, 10, 2, 90),
        (100, 10, 1, 80),
    ];
    let runs = 2000;
    let mut table = String::new();
    for (messengers, needed, legs, loss) in rows {
        let config = Config {
            messengers,
            needed,
            legs,
            ..Config::default()
        };
        let battles = (0..runs).map(|seed| battle(&config, seed, loss));
        let parted = battles.filter(|[one, other]| one != other).count();
        let measured = parted as f64 / runs as f64;
        let p = gets_through(&config, loss);
        let expected = p.powi(i32::from(legs) - 1) * (1.0 - p);
        let sigma = (expected * (1.0 - expected) / runs as f64).sqrt();
        assert!((measured - expected).abs() <= 4.0 * sigma + 1e-3);
        table += &format!(
            "n={messengers:<3} k={needed:<2} legs={legs} loss={loss}%: parted {measured:.4}, \
             expected {expected:.4}\n"
        );
    }
    expect![[r#"
        n=1   k=1  legs=1 loss=20%: parted 0.1975, expected 0.2000
        n=1   k=1  legs=2 loss=20%: parted 0.1685, expected 0.1600
        n=1   k=1  legs=3 loss=20%: parted 0.1295, expected 0.1280
        n=1   k=1  legs=7 loss=20%: parted 0.0630, expected 0.0524
        n=10  k=1  legs=1 loss=50%: parted 0.0015, expected 0.0010
        n=10  k=5  legs=1 loss=50%: parted 0.3710, expected 0.3770
        n=10  k=5  legs=2 loss=50%: parted 0.2290, expected 0.2349
        n=100 k=10 legs=1 loss=90%: parted 0.4290, expected 0.4513
        n=100 k=10 legs=2 loss=90%: parted 0.2455, expected 0.2476
        n=100 k=10 legs=1 loss=80%: parted 0.0020, expected 0.0023
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_default_of_attack_sends_somebody_alone_whenever_the_plan_is_lost() {
    let config = Config {
        legs: 4,
        default: DefaultAction::Attack,
        ..Config::default()
    };
    let careful = Config {
        default: DefaultAction::CallOff,
        ..config.clone()
    };
    let alone = |config| {
        let battles = (0..500).map(|seed| battle(config, seed, 40));
        battles.filter(|[one, other]| one != other).count()
    };
    assert!(alone(&config) > 2 * alone(&careful));
}

#[test]
fn it_costs_what_the_catalogue_says() {
    let mut world: World<General> = lab_world(Config::default(), 2, 0, WireProfile::CALM);
    world.ask(0, plan());
    world.settle();
    let cost = PROTOCOL.cost(2, 0);
    assert_eq!(world.sent, cost.messages);
    assert_eq!(ms(cost.delays), MS);
}
