//! Each way to write a contract wrongly, and what is said of it.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use quorate_contract::{Contract, MAX_BYTES};

const GOOD: &str = r#"[failures]
model = "crash-recovery"
tolerate = 1

[timing]
model = "partially-synchronous"
bound = "unknown"

[links]
model = "fair-loss"

[storage]
model = "durable"
may_tear = true

[cluster]
name = "shop"
[[cluster.member]]
id = 0
name = "a"
peer = "10.0.0.1:2380"
client = "10.0.0.1:2379"
[[cluster.member]]
id = 1
name = "b"
peer = "10.0.0.2:2380"
client = "10.0.0.2:2379"
[[cluster.member]]
id = 2
name = "c"
peer = "10.0.0.3:2380"
client = "10.0.0.3:2379"
"#;

/// The good contract with one piece replaced, and what is said of it.
fn wrong(from: &str, to: &str, said: Expect) {
    assert_eq!(
        GOOD.matches(from).count(),
        1,
        "{from:?} is in the contract once"
    );
    refused(&GOOD.replace(from, to), said);
}

fn refused(text: &str, said: Expect) {
    let error = Contract::parse("shop.toml", text).expect_err("this is wrong");
    said.assert_eq(&error.to_string());
}

#[test]
fn the_good_contract_is_good() {
    let contract = Contract::parse("shop.toml", GOOD).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(contract.check(), Ok(()));
    assert_eq!(
        contract.cluster.member_named("b").map(|m| m.peer.port()),
        Some(2380)
    );
}

#[test]
fn members_are_sorted_by_id_wherever_they_stand() {
    let swapped = GOOD
        .replace("id = 0", "id = 9")
        .replace("id = 2", "id = 0")
        .replace("id = 9", "id = 2");
    let contract = Contract::parse("shop.toml", &swapped).unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<_> = contract
        .cluster
        .members
        .iter()
        .map(|m| (m.id, m.name.as_str()))
        .collect();
    assert_eq!(names, [(0, "c"), (1, "b"), (2, "a")]);
}

#[test]
fn not_toml() {
    wrong(
        "tolerate = 1",
        "tolerate 1",
        expect![[r#"
        shop.toml:3:10: this is not TOML: key with no value, expected `=`
          |
        3 | tolerate 1
          |          ^
          = help: a contract is made of lines such as `[failures]`, `model = "crash-recovery"` and `tolerate = 1`"#]],
    );
    wrong(
        "tolerate = 1",
        "tolerate = 1\ntolerate = 2",
        expect![[r#"
        shop.toml:4:1: this is not TOML: duplicate key
          |
        4 | tolerate = 2
          | ^^^^^^^^
          = help: a contract is made of lines such as `[failures]`, `model = "crash-recovery"` and `tolerate = 1`"#]],
    );
    refused(
        "\u{0}",
        expect![[r#"
        shop.toml:1:2: this is not TOML: key with no value, expected `=`
          |
        1 | �
          |  ^
          = help: a contract is made of lines such as `[failures]`, `model = "crash-recovery"` and `tolerate = 1`"#]],
    );
}

#[test]
fn something_is_missing() {
    refused(
        "",
        expect![[r#"
        shop.toml:1:1: `cluster`: is missing
          = help: add `[cluster]` with a `name` and either `replicas = 3` or `[[cluster.member]]` tables"#]],
    );
    wrong(
        "[links]\nmodel = \"fair-loss\"\n",
        "",
        expect![[r#"
            shop.toml:31:1: `links`: is missing
               = help: add `[links]` with `model = "fair-loss"`"#]],
    );
    wrong(
        "tolerate = 1\n",
        "",
        expect![[r#"
        shop.toml:1:1: `failures.tolerate`: is missing
          |
        1 | [failures]
          | ^^^^^^^^^^
          = help: add `tolerate = 1`: how many may be faulty at a time"#]],
    );
    wrong(
        "bound = \"unknown\"\n",
        "",
        expect![[r#"
        shop.toml:5:1: `timing.bound`: is missing
          |
        5 | [timing]
          | ^^^^^^^^
          = help: add `bound = "unknown"` or `bound = "gst"`"#]],
    );
    wrong(
        "peer = \"10.0.0.2:2380\"\n",
        "",
        expect![[r#"
        shop.toml:23:1: `cluster.member[1].peer`: is missing
           |
        23 | [[cluster.member]]
           | ^^^^^^^^^^^^^^^^^^
           = help: add `peer = "127.0.0.1:2380"`"#]],
    );
}

#[test]
fn a_key_is_unknown() {
    wrong(
        "tolerate = 1",
        "tolreate = 1",
        expect![[r#"
        shop.toml:3:1: `failures.tolreate`: this key is unknown
          |
        3 | tolreate = 1
          | ^^^^^^^^
          = help: did you mean `tolerate`?"#]],
    );
    wrong(
        "[failures]",
        "[failure]",
        expect![[r#"
        shop.toml:1:2: `failure`: this key is unknown
          |
        1 | [failure]
          |  ^^^^^^^
          = help: did you mean `failures`?"#]],
    );
    wrong(
        "may_tear",
        "may-tear",
        expect![[r#"
        shop.toml:14:1: `storage.may-tear`: this key is unknown
           |
        14 | may-tear = true
           | ^^^^^^^^
           = help: did you mean `may_tear`?"#]],
    );
    wrong(
        "may_tear",
        "colour",
        expect![[r#"
        shop.toml:14:1: `storage.colour`: this key is unknown
           |
        14 | colour = true
           | ^^^^^^
           = help: the keys here are model, may_tear, may_corrupt and may_lie_about_sync"#]],
    );
    wrong(
        "[storage]",
        "[weather]\nsunny = true\n[storage]",
        expect![[r#"
            shop.toml:12:2: `weather`: this key is unknown
               |
            12 | [weather]
               |  ^^^^^^^
               = help: the keys here are cluster, failures, timing, links, storage, protocol, problem, k and quorum"#]],
    );
    wrong(
        "id = 1",
        "id = 1\nport = 7",
        expect![[r#"
        shop.toml:25:1: `cluster.member[1].port`: this key is unknown
           |
        25 | port = 7
           | ^^^^
           = help: the keys here are id, name, peer and client"#]],
    );
}

#[test]
fn a_value_has_the_wrong_type() {
    wrong(
        "tolerate = 1",
        "tolerate = \"one\"",
        expect![[r#"
            shop.toml:3:12: `failures.tolerate`: a whole number is expected here, not a string
              |
            3 | tolerate = "one"
              |            ^^^^^
              = help: write, for example, `tolerate = 1`"#]],
    );
    wrong(
        "may_tear = true",
        "may_tear = 1",
        expect![[r#"
        shop.toml:14:12: `storage.may_tear`: true or false is expected here, not a whole number
           |
        14 | may_tear = 1
           |            ^
           = help: write, for example, `may_tear = true`"#]],
    );
    wrong(
        "model = \"durable\"",
        "model = false",
        expect![[r#"
        shop.toml:13:9: `storage.model`: a string is expected here, not true or false
           |
        13 | model = false
           |         ^^^^^
           = help: write, for example, `model = "amnesiac"`"#]],
    );
    refused(
        "cluster = 3",
        expect![[r#"
        shop.toml:1:11: `cluster`: a table is expected here, not a whole number
          |
        1 | cluster = 3
          |           ^
          = help: write, for example, `[cluster]` on a line of its own"#]],
    );
    refused(
        "[cluster]\nname = \"x\"\nmember = [1, 2]",
        expect![[r#"
        shop.toml:3:10: `cluster.member`: a list of tables is expected here, not a list
          |
        3 | member = [1, 2]
          |          ^^^^^^
          = help: write, for example, `[[cluster.member]]`"#]],
    );
}

#[test]
fn a_word_is_unknown() {
    wrong(
        "crash-recovery",
        "crash-recover",
        expect![[r#"
            shop.toml:2:9: `failures.model`: "crash-recover" is not known here
              |
            2 | model = "crash-recover"
              |         ^^^^^^^^^^^^^^^
              = help: did you mean "crash-recovery"? It is one of initially-dead, crash-stop, crash-recovery, send-omission, receive-omission, general-omission, timing and byzantine"#]],
    );
    wrong(
        "crash-recovery",
        "omission",
        expect![[r#"
            shop.toml:2:9: `failures.model`: "omission" is not known here
              |
            2 | model = "omission"
              |         ^^^^^^^^^^
              = help: did you mean "general-omission"? It is one of initially-dead, crash-stop, crash-recovery, send-omission, receive-omission, general-omission, timing and byzantine"#]],
    );
    wrong(
        "fair-loss",
        "carrier-pigeon",
        expect![[r#"
        shop.toml:10:9: `links.model`: "carrier-pigeon" is not known here
           |
        10 | model = "carrier-pigeon"
           |         ^^^^^^^^^^^^^^^^
           = help: write one of fair-loss, reliable and authenticated"#]],
    );
}

#[test]
fn a_number_is_out_of_range() {
    wrong(
        "tolerate = 1",
        "tolerate = 3",
        expect![[r#"
            shop.toml:3:12: `failures.tolerate`: all 3 replicas may be faulty
              |
            3 | tolerate = 3
              |            ^
              = help: write 2 or less, or add members"#]],
    );
    wrong(
        "tolerate = 1",
        "tolerate = -1",
        expect![[r#"
        shop.toml:3:12: `failures.tolerate`: this number is out of range
          |
        3 | tolerate = -1
          |            ^^
          = help: write a number from 0 to 128"#]],
    );
    wrong(
        "tolerate = 1",
        "tolerate = 99999999999999999999",
        expect![[r#"
            shop.toml:3:12: `failures.tolerate`: this number is out of range
              |
            3 | tolerate = 99999999999999999999
              |            ^^^^^^^^^^^^^^^^^^^^
              = help: write a number from 0 to 128"#]],
    );
    wrong(
        "id = 1",
        "id = 7",
        expect![[r#"
        shop.toml:24:6: `cluster.member[1].id`: this number is out of range
           |
        24 | id = 7
           |      ^
           = help: the 3 members have the ids 0 to 2, each once"#]],
    );
    refused(
        "[cluster]\nname = \"x\"\nreplicas = 0",
        expect![[r#"
        shop.toml:3:12: `cluster.replicas`: this number is out of range
          |
        3 | replicas = 0
          |            ^
          = help: write a number from 1 to 128"#]],
    );
    refused(
        "[cluster]\nname = \"x\"\nreplicas = 1000000",
        expect![[r#"
        shop.toml:3:12: `cluster.replicas`: this number is out of range
          |
        3 | replicas = 1000000
          |            ^^^^^^^
          = help: write a number from 1 to 128"#]],
    );
}

#[test]
fn members_collide() {
    wrong(
        "id = 1",
        "id = 0",
        expect![[r#"
        shop.toml:24:6: `cluster.member[1].id`: "a" has the id 0 already
           |
        24 | id = 0
           |      ^
           = help: the 3 members have the ids 0 to 2, each once"#]],
    );
    wrong(
        "\"b\"",
        "\"a\"",
        expect![[r#"
        shop.toml:25:8: `cluster.member[1].name`: another member is called "a" already
           |
        25 | name = "a"
           |        ^^^
           = help: give each member a name of its own"#]],
    );
    wrong(
        "10.0.0.2:2380",
        "10.0.0.1:2379",
        expect![[r#"
        shop.toml:26:8: `cluster.member[1].peer`: "a" has this address already
           |
        26 | peer = "10.0.0.1:2379"
           |        ^^^^^^^^^^^^^^^
           = help: give each member addresses of its own"#]],
    );
    wrong(
        "10.0.0.2:2379",
        "10.0.0.2:2380",
        expect![[r#"
        shop.toml:27:10: `cluster.member[1].client`: peers and clients have the same address
           |
        27 | client = "10.0.0.2:2380"
           |          ^^^^^^^^^^^^^^^
           = help: give clients a port of their own"#]],
    );
    wrong(
        "[[cluster.member]]\nid = 0",
        "replicas = 3\n[[cluster.member]]\nid = 0",
        expect![[r#"
            shop.toml:18:12: `cluster.replicas`: the replicas are counted here and listed as members too
               |
            18 | replicas = 3
               |            ^
               = help: remove this line, or the `[[cluster.member]]` tables"#]],
    );
}

#[test]
fn a_name_or_an_address_is_none() {
    wrong(
        "\"shop\"",
        "\"our shop\"",
        expect![[r#"
        shop.toml:17:8: `cluster.name`: this is not a name
           |
        17 | name = "our shop"
           |        ^^^^^^^^^^
           = help: write 1 to 64 letters, digits, `.`, `_` or `-`, such as "quorate""#]],
    );
    wrong(
        "10.0.0.2:2380",
        "10.0.0.2",
        expect![[r#"
        shop.toml:26:8: `cluster.member[1].peer`: this is not an address: there is no port
           |
        26 | peer = "10.0.0.2"
           |        ^^^^^^^^^^
           = help: write a host and a port, such as "127.0.0.1:2380""#]],
    );
    wrong(
        "10.0.0.2:2380",
        "10.0.0.2:99999",
        expect![[r#"
        shop.toml:26:8: `cluster.member[1].peer`: this is not an address: the port is not a number between 1 and 65535
           |
        26 | peer = "10.0.0.2:99999"
           |        ^^^^^^^^^^^^^^^^
           = help: write a host and a port, such as "127.0.0.1:2380""#]],
    );
    wrong(
        "10.0.0.2:2380",
        "http://10.0.0.2:2380",
        expect![[r#"
        shop.toml:26:8: `cluster.member[1].peer`: this is not an address: the host is neither a name nor an IP address
           |
        26 | peer = "http://10.0.0.2:2380"
           |        ^^^^^^^^^^^^^^^^^^^^^^
           = help: write a host and a port, such as "127.0.0.1:2380""#]],
    );
}

#[test]
fn a_bound_on_time_is_wrong() {
    let timing = "model = \"partially-synchronous\"\nbound = \"unknown\"\n";
    let gst = |rest: &str| format!("model = \"partially-synchronous\"\nbound = \"gst\"\n{rest}");
    wrong(
        timing,
        &gst("delta = \"50ms\"\nphi = \"1ms\""),
        expect![[r#"
            shop.toml:5:1: `timing.drift`: is missing
              |
            5 | [timing]
              | ^^^^^^^^
              = help: add `drift = "100ppm"`: the error of a clock's rate"#]],
    );
    wrong(
        timing,
        &gst("delta = \"50 ms\"\nphi = \"1ms\"\ndrift = \"1ppm\""),
        expect![[r#"
            shop.toml:8:9: `timing.delta`: this is not a duration
              |
            8 | delta = "50 ms"
              |         ^^^^^^^
              = help: write a whole number and one of ns, us, ms, s, m or h, such as "50ms""#]],
    );
    wrong(
        timing,
        &gst("delta = \"0ms\"\nphi = \"1ms\"\ndrift = \"1ppm\""),
        expect![[r#"
            shop.toml:8:9: `timing.delta`: no message takes no time
              |
            8 | delta = "0ms"
              |         ^^^^^
              = help: write a time such as "50ms""#]],
    );
    wrong(
        timing,
        &gst("delta = \"5ms\"\nphi = \"1ms\"\ndrift = \"1%\""),
        expect![[r#"
            shop.toml:10:9: `timing.drift`: this is not a drift
               |
            10 | drift = "1%"
               |         ^^^^
               = help: write parts per million under 1000000, such as "100ppm""#]],
    );
    wrong(
        "bound = \"unknown\"",
        "bound = \"unknown\"\ndelta = \"5ms\"",
        expect![[r#"
            shop.toml:8:9: `timing.delta`: a bound is given that the timing model does not allow
              |
            8 | delta = "5ms"
              |         ^^^^^
              = help: remove this line, or write `model = "synchronous"`, or `model = "partially-synchronous"` with `bound = "gst"`"#]],
    );
}

#[test]
fn a_file_over_the_limit_is_not_read() {
    refused(
        &"#".repeat(MAX_BYTES + 1),
        expect![[r#"
        shop.toml:1:1: the file has 262145 bytes
          = help: a contract has at most 262144 bytes"#]],
    );
}

#[test]
fn deep_nesting_is_refused_and_does_not_exhaust_the_stack() {
    let deep = |open: &str, close: &str| {
        let times = (MAX_BYTES - 100) / (open.len() + close.len());
        format!("a = {}1{}", open.repeat(times), close.repeat(times))
    };
    let dotted = format!("{}a = 1", "a.".repeat(MAX_BYTES / 2 - 10));
    let header = format!("[{}a]", "a.".repeat(MAX_BYTES / 2 - 10));
    let lists = format!("a = {}", "[".repeat(MAX_BYTES - 100));
    for text in [deep("[", "]"), deep("{a=", "}"), dotted, header, lists] {
        assert!(Contract::parse("deep.toml", &text).is_err());
    }
}

#[test]
fn no_control_character_of_a_file_reaches_the_terminal() {
    let text = GOOD.replace("\"durable\"", "\"\\u001b[2Jdurable\"");
    let error = Contract::parse("shop.toml", &text)
        .expect_err("an unknown word")
        .to_string();
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn a_mangled_file_is_read_or_refused_within_itself(
        at in 0..GOOD.len(), cut in 0..40_usize, put in "[\\PC\n\r\t]{0,12}",
    ) {
        let end = (at + cut).min(GOOD.len());
        let text = format!("{}{put}{}", &GOOD[..at], &GOOD[end..]);
        if let Err(error) = Contract::parse("shop.toml", &text) {
            prop_assert!((1..=text.matches('\n').count() + 1).contains(&(error.line as usize)));
            prop_assert!(!error.problem.is_empty() && !error.remedy.is_empty());
            prop_assert!(!error.to_string().contains('\r'));
        }
    }

    #[test]
    fn anything_at_all_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = Contract::parse("shop.toml", &text).map_err(|error| error.to_string());
    }
}

#[test]
fn a_problem_is_written_wrongly() {
    let head = |lines: &str| format!("{lines}\n{GOOD}");
    refused(
        &head("problem = \"k-set\""),
        expect![[r#"
        shop.toml:34:1: `k`: is missing
           = help: add `k = 2`: how many different decisions there may be"#]],
    );
    refused(
        &head("problem = \"k-set\"\nk = 4"),
        expect![[r#"
        shop.toml:2:5: `k`: this number is out of range
          |
        2 | k = 4
          |     ^
          = help: write a number from 1 to 3"#]],
    );
    refused(
        &head("problem = \"k-set\"\nk = 0"),
        expect![[r#"
        shop.toml:2:5: `k`: this number is out of range
          |
        2 | k = 0
          |     ^
          = help: write a number from 1 to 3"#]],
    );
    refused(
        &head("problem = \"register\"\nk = 2"),
        expect![[r#"
        shop.toml:2:5: `k`: only k-set agreement has a k
          |
        2 | k = 2
          |     ^
          = help: remove this line, or write `problem = "k-set"`"#]],
    );
    refused(
        &head("problem = \"regster\""),
        expect![[r#"
        shop.toml:1:11: `problem`: "regster" is not known here
          |
        1 | problem = "regster"
          |           ^^^^^^^^^
          = help: did you mean "register"? It is one of log, consensus, uniform-consensus, reliable-broadcast, uniform-reliable-broadcast, terminating-broadcast, atomic-commit, register, k-set and coordinated-attack"#]],
    );
}

#[test]
fn faults_are_counted_wrongly() {
    wrong(
        "model = \"crash-recovery\"\ntolerate = 1",
        "model = \"crash-stop\"\ntolerate = 1\ncounted = \"at-a-time\"",
        expect![[r#"
            shop.toml:4:11: `failures.counted`: a replica that stops for good is faulty for good
              |
            4 | counted = "at-a-time"
              |           ^^^^^^^^^^^
              = help: remove this line, or write `model = "crash-recovery"`"#]],
    );
    wrong(
        "tolerate = 1",
        "tolerate = 1\ncounted = \"total\"",
        expect![[r#"
            shop.toml:4:11: `failures.counted`: "total" is not known here
              |
            4 | counted = "total"
              |           ^^^^^^^
              = help: did you mean "in-total"? It is one of in-total, at-a-time and moving"#]],
    );
}

/// Counts that do not go together are refused with the reason and with numbers that do.
#[test]
fn faults_are_counted_in_ways_that_contradict_each_other() {
    let failures = |lines: &str| {
        GOOD.replace(
            "model = \"crash-recovery\"\ntolerate = 1\n",
            &format!("{lines}\n"),
        )
    };
    refused(
        &failures("crash = 1"),
        expect![[r#"
        shop.toml:2:9: `failures.crash`: crashes and lies are counted apart, and one of them is missing
          |
        2 | crash = 1
          |         ^
          = help: write both `crash = 1` and `byzantine = 1`, or `model` and `tolerate`"#]],
    );
    refused(
        &failures("crash = 1\nbyzantine = 1\ntolerate = 2"),
        expect![[r#"
            shop.toml:4:12: `failures.tolerate`: faults are counted twice
              |
            4 | tolerate = 2
              |            ^
              = help: remove this line: `crash` and `byzantine` say how many fail, and how"#]],
    );
    refused(
        &failures("crash = 2\nbyzantine = 1"),
        expect![[r#"
        shop.toml:3:13: `failures.byzantine`: 2 may crash and 1 may lie, which is all 3 replicas
          |
        3 | byzantine = 1
          |             ^
          = help: write numbers that come to 2 or less, or add members: without synchrony it takes 2c + 3b + 1 = 8 replicas"#]],
    );
    let more = |lines: &str| {
        failures(&format!(
            "model = \"crash-recovery\"\ntolerate = 1\n{lines}"
        ))
    };
    refused(
        &more("always_up = 3"),
        expect![[r#"
            shop.toml:4:13: `failures.always_up`: 3 of 3 replicas never fail, and 1 may be faulty
              |
            4 | always_up = 3
              |             ^
              = help: write 2 or less, or tolerate fewer"#]],
    );
    refused(
        &more("counted = \"in-total\"\ncounts_recovering = true"),
        expect![[r#"
            shop.toml:5:21: `failures.counts_recovering`: no replica recovers: who is faulty once counts for good
              |
            5 | counts_recovering = true
              |                     ^^^^
              = help: remove this line, or write `model = "crash-recovery"` and `counted = "at-a-time"`"#]],
    );
    refused(
        &failures("model = \"initially-dead\"\ntolerate = 1\ncounted = \"at-a-time\""),
        expect![[r#"
            shop.toml:4:11: `failures.counted`: a replica that stops for good is faulty for good
              |
            4 | counted = "at-a-time"
              |           ^^^^^^^^^^^
              = help: remove this line, or write `model = "crash-recovery"`"#]],
    );
}
