//! `resetray series list | show | reprocess | export`: what arrived and what became of it.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

use super::Failure;
use crate::config::Config;
use crate::identity::KeyKind;
use crate::identity::hex;
use crate::node::ledger::Listed;
use crate::node::part10;
use crate::node::service::Opened;
use crate::series::Phase;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All series, newest first. The node must not be running on the same data folder.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// One series with its instances.
    Show {
        /// Key of the series as in the results folder, or its Series Instance UID.
        series: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure series again at the next start of the node: finished, waiting and quarantined ones.
    Reprocess {
        /// Keys or Series Instance UIDs.
        #[arg(required = true)]
        series: Vec<String>,
    },
    /// The received objects as Part 10 files.
    Export {
        /// Keys or Series Instance UIDs; none means all.
        series: Vec<String>,
        /// Folder for the files.
        #[arg(long)]
        out: PathBuf,
    },
}

pub(super) fn run(arguments: Arguments, config: Config) -> Result<(), Failure> {
    let opened = Opened::open(&config).map_err(|error| Failure::work(&error))?;
    let outcome = with(arguments.command, &opened);
    opened.close();
    outcome
}

fn with(command: Command, opened: &Opened) -> Result<(), Failure> {
    let mut series = opened.ledger.list().map_err(|error| Failure::work(&error))?;
    series.sort_by_key(|one| std::cmp::Reverse(one.state.last_arrival_ms));
    let key = |one: &Listed| opened.secret.key_hex(KeyKind::Series, one.key.series_instance_uid.as_str());
    let named = |one: &Listed, name: &str| key(one) == name || one.key.series_instance_uid.as_str() == name;
    match command {
        Command::List { json } => {
            let rows: Vec<_> = series.iter().map(|one| summary(one, &key(one))).collect();
            if json {
                println!("{}", serde_json::Value::from(rows));
            } else {
                rows.iter().for_each(|row| println!("{}", line(row)));
            }
            Ok(())
        }
        Command::Show { series: name, json } => {
            let found = series.iter().find(|one| named(one, &name));
            let one = found.ok_or_else(|| Failure::Work(format!("no series {name:?}; see `resetray series list`")))?;
            show(one, &key(one), opened, json)
        }
        Command::Reprocess { series: names } => {
            for name in &names {
                let found = series.iter().find(|one| named(one, name));
                let one =
                    found.ok_or_else(|| Failure::Work(format!("no series {name:?}; see `resetray series list`")))?;
                let taken = opened.ledger.replay(&one.key).map_err(|error| Failure::work(&error))?;
                println!("{name}: {}", if taken { "will be measured again" } else { "is not finished yet" });
            }
            Ok(())
        }
        Command::Export { series: names, out } => {
            let wanted = series.iter().filter(|one| names.is_empty() || names.iter().any(|name| named(one, name)));
            let wanted: Vec<&Listed> = wanted.collect();
            if wanted.is_empty() && !names.is_empty() {
                return Err(Failure::Work("none of these series is held; see `resetray series list`".into()));
            }
            export(&wanted, opened, &out)
        }
    }
}

fn phase_word(phase: &Phase) -> String {
    match phase {
        Phase::Collecting => "collecting".into(),
        Phase::Complete { evidence } => format!("complete ({evidence})"),
        Phase::Processing { attempts, .. } => format!("processing (attempt {attempts})"),
        Phase::Done { revision, .. } => format!("done (revision {revision})"),
        Phase::Waiting { reason, .. } => format!("waiting ({reason})"),
        Phase::Quarantined { reason } => format!("quarantined ({reason})"),
    }
}

fn summary(one: &Listed, key: &str) -> serde_json::Value {
    let time = jiff::Timestamp::from_millisecond(one.state.last_arrival_ms).map(|time| time.to_string());
    serde_json::json!({
        "series_key": key,
        "called": one.key.called.as_str(),
        "instances": one.state.instances,
        "conflicts": one.state.conflicts,
        "last_arrival": time.unwrap_or_default(),
        "state": phase_word(&one.state.phase),
    })
}

fn line(row: &serde_json::Value) -> String {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    format!(
        "{}  {:<16}  {:>6} instances  {}  {}",
        text("series_key"),
        text("called"),
        row["instances"],
        text("last_arrival"),
        text("state")
    )
}

fn show(one: &Listed, key: &str, opened: &Opened, json: bool) -> Result<(), Failure> {
    let stored = opened.ledger.instances(&one.key).map_err(|error| Failure::work(&error))?;
    let revisions = opened.ledger.revisions(&one.key).map_err(|error| Failure::work(&error))?;
    let instances: Vec<_> = stored
        .iter()
        .map(|instance| {
            serde_json::json!({
                "sop_instance_uid": instance.header.sop_instance_uid.as_str(),
                "transfer_syntax_uid": instance.header.transfer_syntax_uid.as_str(),
                "bytes": instance.location.length,
                "sha256": hex(&instance.sha256),
                "association": instance.header.association,
                "calling": instance.header.calling,
            })
        })
        .collect();
    if json {
        let mut value = summary(one, key);
        value["revisions"] = serde_json::to_value(&revisions).unwrap_or_default();
        value["instances"] = serde_json::Value::from(instances);
        println!("{value}");
        return Ok(());
    }
    println!("{}", line(&summary(one, key)));
    for (association, trace) in &one.state.associations {
        println!("association {association} from {}: {:?}", trace.calling, trace.ended);
    }
    for revision in &revisions {
        println!("revision {} in {}", revision.revision, revision.folder);
    }
    for instance in &instances {
        let text = |name: &str| instance[name].as_str().unwrap_or_default();
        println!("{}  {} bytes  sha256 {}", text("sop_instance_uid"), instance["bytes"], text("sha256"));
    }
    Ok(())
}

fn export(wanted: &[&Listed], opened: &Opened, out: &std::path::Path) -> Result<(), Failure> {
    let failed = |path: &std::path::Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| Failure::in_context(&path, &error)
    };
    std::fs::create_dir_all(out).map_err(failed(out))?;
    let mut count = 0_u64;
    for one in wanted {
        for stored in opened.ledger.instances(&one.key).map_err(|error| Failure::work(&error))? {
            // Uid holds digits and dots only, so this cannot leave the folder.
            let path = out.join(format!("{}.dcm", stored.header.sop_instance_uid));
            let mut file = std::io::BufWriter::new(std::fs::File::create(&path).map_err(failed(&path))?);
            file.write_all(&part10::meta_of(&stored.header)).map_err(failed(&path))?;
            let mut data = stored.location.open().map_err(failed(&path))?;
            std::io::copy(&mut data, &mut file).map_err(failed(&path))?;
            file.flush().map_err(failed(&path))?;
            count += 1;
        }
    }
    println!("{count} objects written to {}", out.display());
    Ok(())
}
