//! `simulator new`: writes a first scenario from a template.

pub mod args;

use std::io::Write;
use std::path::{Path, PathBuf};

use pullstop_cluster::input_error::{InputError, STDIN};

use self::args::{NewArgs, Template};
use crate::exit::{Exit, Failure};
use crate::input;

/// Runs the command.
///
/// # Errors
/// If the file exists, and if it cannot be written.
pub fn run(args: &NewArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let template = text(args.template);
    let name = args.name.as_deref().unwrap_or_else(|| own_name(template));
    let file = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{name}.yaml")));
    let scenario = renamed(template, name);
    if file == Path::new(STDIN) {
        out.write_all(scenario.as_bytes())?;
        return Ok(Exit::Success);
    }
    if file.exists() && !args.force {
        let message = "this file exists: choose another with --out, or overwrite it with --force";
        return Err(InputError::about(&file, message).into());
    }
    input::write(&file, scenario.as_bytes())?;
    let file = file.display();
    writeln!(out, "wrote {file}; try `simulator run {file}`")?;
    Ok(Exit::Success)
}

const fn text(template: Template) -> &'static str {
    match template {
        Template::Typo => include_str!("typo.yaml"),
        Template::Outage => include_str!("outage.yaml"),
        Template::Secret => include_str!("secret.yaml"),
        Template::Queue => include_str!("queue.yaml"),
    }
}

/// The start of the line with the name.
const NAME: &str = "metadata: {name: ";

fn own_name(template: &str) -> &str {
    let rest = template.split_once(NAME).map(|(_, rest)| rest);
    let name = rest.and_then(|rest| rest.split_once('}'));
    name.map_or("scenario", |(name, _)| name)
}

fn renamed(template: &str, name: &str) -> String {
    template.replacen(
        &format!("{NAME}{}}}", own_name(template)),
        &format!("{NAME}{name}}}"),
        1,
    )
}
