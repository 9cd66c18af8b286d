//! Every story of ours: as expected, and as told when the key defence is off.

use quorate_lab::scenario::{EMBEDDED, Kind, play, tell};

#[test]
fn every_part_of_every_story_is_as_expected() {
    for story in EMBEDDED {
        let scenario = story.read().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scenario.name, story.name);
        assert!(scenario.source.is_some(), "{}: who tells it?", story.name);
        for part in &scenario.parts {
            let played = play(part).expect("it can be run");
            let holds = played.holds;
            assert!(holds, "{}", tell(&scenario, &[(part, played)]));
        }
        let without = scenario.parts.iter().any(|part| part.kind == Kind::Without);
        assert_ne!(without, scenario.nothing_to_turn_off.is_some());
    }
}
