//! `quorate scenario`: stories of what went wrong, run.

mod json;
mod page;
mod source;

use crate::exit::refused;
use crate::output::say;
use anyhow::bail;
use quorate_lab::scenario::{
    EMBEDDED, PartKind, Scenario, ScenarioPart, ScenarioRun, four_modes, render,
    run_part_with_progress,
};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Name the stories that come with quorate
    List {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a story, and say whether it went as expected
    Run(Run),
    /// Print the file of a story, to begin one's own with
    Show {
        /// The story
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct Run {
    /// The story: a name from `quorate scenario list`, a file of your own, or `all`
    #[arg(value_name = "NAME|FILE|all")]
    story: String,
    /// Begin with this seed instead of the story's own
    #[arg(long)]
    seed: Option<u64>,
    /// Run so many seeds instead of the story's own number; 1 repeats one run
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: Option<u64>,
    /// How long the coordinator waits for acknowledgements, in milliseconds, where there is one
    #[arg(long, value_name = "MS")]
    deadline: Option<u64>,
    /// Run only the part in which this defence is off
    #[arg(long, value_name = "DEFENCE")]
    without: Option<String>,
    /// Run only this case
    #[arg(long, value_name = "CASE", conflicts_with = "without")]
    case: Option<String>,
    /// Write the run, the first of several, as a page with a space-time diagram
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        Command::List { json } => list(*json),
        Command::Run(run) if run.story == "all" => run_all(run),
        Command::Run(run) => run_one(run),
        Command::Show { name } => say(source::embedded(name)?.text),
    }
}

/// A line a story, grouped by the document that tells it.
fn list(json: bool) -> anyhow::Result<()> {
    let stories = read_all()?;
    if json {
        return say(&serde_json::to_string_pretty(&json::list(&stories))?);
    }
    let document = |story: &Scenario| {
        let source = story.source.as_deref().unwrap_or("without a source");
        source.split(',').next().unwrap_or_default().to_owned()
    };
    let mut documents: Vec<_> = stories.iter().map(document).collect();
    documents.sort();
    documents.dedup();
    let width = stories
        .iter()
        .map(|story| story.name.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for group in documents {
        text += &format!("{group}\n");
        for story in stories.iter().filter(|story| document(story) == group) {
            text += &format!("  {:width$}  {}\n", story.name, story.title);
        }
    }
    text += "run one with: quorate scenario run NAME\n";
    say(&text)
}

fn read_all() -> anyhow::Result<Vec<Scenario>> {
    let stories = EMBEDDED.iter().map(|story| story.read().map_err(refused));
    stories.collect()
}

fn run_one(args: &Run) -> anyhow::Result<()> {
    let mut scenario = source::load(&args.story)?;
    adjust(args, &mut scenario)?;
    let played = play_all(args, &scenario)?;
    if let (Some(file), Some((part, played))) = (&args.html, played.first()) {
        page::write(file, &args.story, &scenario, part, played)?;
    }
    if args.json {
        say(&serde_json::to_string_pretty(&json::story(
            &scenario, &played,
        ))?)?;
    } else {
        let mut text = render(&scenario, &played);
        if let Some(table) = four_modes(&played) {
            text += &format!("{table}\n");
        }
        text += &format!("{}\n", verdict(&scenario, &played));
        say(&text)?;
    }
    match unexpected(&played) {
        0 => Ok(()),
        _ => bail!("{} did not go as expected", scenario.name),
    }
}

/// All of ours, a line each.
fn run_all(args: &Run) -> anyhow::Result<()> {
    if args.without.is_some() || args.deadline.is_some() {
        return Err(refused(
            "--without and --deadline are for one story; name it",
        ));
    }
    let (mut lines, mut objects, mut failed) = (String::new(), vec![], 0);
    let stories = read_all()?;
    let width = stories
        .iter()
        .map(|story| story.name.len())
        .max()
        .unwrap_or(0);
    for mut scenario in stories {
        adjust(args, &mut scenario)?;
        let played = play_all(args, &scenario)?;
        failed += usize::from(unexpected(&played) > 0);
        let name = &scenario.name;
        lines += &format!("{name:width$}  {}\n", verdict(&scenario, &played));
        objects.push(json::story(&scenario, &played));
    }
    match args.json {
        true => say(&serde_json::to_string_pretty(&objects)?)?,
        false => say(&lines)?,
    }
    match failed {
        0 => Ok(()),
        _ => bail!("{failed} stories did not go as expected"),
    }
}

/// What the command line changes.
fn adjust(args: &Run, scenario: &mut Scenario) -> anyhow::Result<()> {
    for (kind, name) in [
        (PartKind::Without, &args.without),
        (PartKind::Case, &args.case),
    ] {
        let Some(name) = name else { continue };
        let known = |part: &ScenarioPart| part.kind == kind && part.name == *name;
        if !scenario.parts.iter().any(known) {
            return Err(refused(source::no_such_part(scenario, kind, name)));
        }
        scenario.parts.retain(known);
    }
    for part in &mut scenario.parts {
        if let Some(seed) = args.seed {
            part.first_seed = seed;
        }
        if let Some(seeds) = args.seeds {
            part.seeds = seeds;
        }
        if let Some(deadline) = args.deadline {
            let experiment = &mut part.experiment;
            let options = &mut experiment.setup.options;
            options.set("deadline-ms", &deadline.to_string());
            options.check(&experiment.subject).map_err(|_| {
                let subject = &experiment.subject;
                refused(format_args!(
                    "--deadline is for a coordinator that waits, as in four-modes; {subject} has none"
                ))
            })?;
        }
    }
    Ok(())
}

fn play_all<'s>(
    args: &Run,
    scenario: &'s Scenario,
) -> anyhow::Result<Vec<(&'s ScenarioPart, ScenarioRun)>> {
    let live = !args.json && std::io::stderr().is_terminal();
    let mut last = Instant::now();
    let mut told = false;
    let mut play = |part: &'s ScenarioPart| {
        let played = run_part_with_progress(part, |done| {
            if live && last.elapsed() >= Duration::from_millis(200) {
                (last, told) = (Instant::now(), true);
                let (name, of) = (&scenario.name, part.seeds);
                let _ = write!(
                    std::io::stderr(),
                    "\r{name} {}: {done} of {of} seeds\x1b[K",
                    part.name
                );
            }
        });
        Ok((part, played.map_err(refused)?))
    };
    let played = scenario.parts.iter().map(&mut play).collect();
    if told {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    played
}

fn unexpected(played: &[(&ScenarioPart, ScenarioRun)]) -> usize {
    played.iter().filter(|(_, played)| !played.holds).count()
}

/// The whole story in a line.
fn verdict(scenario: &Scenario, played: &[(&ScenarioPart, ScenarioRun)]) -> String {
    let off = played
        .iter()
        .filter(|(part, _)| part.kind == PartKind::Without);
    let (off, all) = (off.count(), played.len());
    let defence = match (off, &scenario.nothing_to_turn_off) {
        (0, _) => String::new(),
        (1, _) => ", one of them without its defence".to_owned(),
        (off, _) => format!(", {off} of them without a defence"),
    };
    let runs = match all {
        1 => "1 part".to_owned(),
        _ => format!("{all} parts"),
    };
    match unexpected(played) {
        0 => format!("as expected: {runs}{defence}"),
        wrong => format!("NOT AS EXPECTED: {wrong} of {runs}{defence}"),
    }
}
