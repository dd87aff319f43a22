//! `enforcer record`: records a live watch for `simulator replay`.

mod pseudonyms;
mod slim;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use pullstop_core::time::parse_duration;
use pullstop_core::wire::timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use self::pseudonyms::Pseudonyms;
use crate::api::{Api, ApiError, ApiPath, Backoff, Call, rights};
use crate::clock::Clock;
use crate::connect::ConnectArgs;
use crate::metrics::Metrics;
use crate::pods::pages::Source;

/// Arguments of `enforcer record`.
#[derive(Debug, Parser)]
#[command(
    after_help = "Example:\n  enforcer record --for 1h --pseudonyms pods.jsonl\n  simulator replay pods.jsonl"
)]
pub struct RecordArgs {
    /// File to write, one JSON object per line; an existing file is overwritten
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How long to record; by default until interrupted
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    lasts: Option<Duration>,
    #[command(flatten)]
    connect: ConnectArgs,
    /// Replace the names of namespaces, pods, nodes, owners, images and hosts with pseudonyms
    #[arg(long)]
    pseudonyms: bool,
}

/// Runs the command. Returns the exit code.
pub(crate) fn run(args: &RecordArgs, err: &mut dyn Write) -> io::Result<u8> {
    let file = match File::create(&args.file) {
        Ok(file) => file,
        Err(error) => {
            writeln!(err, "error: {}: cannot write: {error}", args.file.display())?;
            return Ok(crate::exit::INVALID);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let recorded = runtime.block_on(async {
        let metrics = Arc::new(Metrics::default());
        let (api, _) = args.connect.cluster.connect(metrics).await?;
        let end = async {
            match args.lasts {
                Some(lasts) => tokio::time::sleep(lasts).await,
                // An error means that there are no signals; then it can only be killed.
                None => drop(tokio::signal::ctrl_c().await),
            }
        };
        record(args, &api, Clock::start(), BufWriter::new(file), end)
            .await
            .map_err(|error| format!("cannot write the recording: {error}"))
    });
    match recorded {
        Ok(events) => writeln!(err, "{events} events in {}", args.file.display())
            .map(|()| crate::exit::SUCCESS),
        Err(error) => writeln!(err, "error: {error}").map(|()| crate::exit::INTERNAL),
    }
}

/// Records into `out` until `end`. Returns how many events there were.
///
/// # Errors
/// If `out` cannot be written to. An error of the API server only leaves a gap.
pub async fn record(
    args: &RecordArgs,
    api: &Api,
    clock: Clock,
    out: impl Write,
    end: impl Future<Output = ()>,
) -> io::Result<u64> {
    let folder = match &args.connect.namespace {
        None => ApiPath::to("/api/v1/pods"),
        Some(namespace) => ApiPath::in_namespace("/api/v1", namespace, "pods"),
    };
    let pseudonyms = args.pseudonyms.then(Pseudonyms::default);
    let mut recorder = Recorder {
        api,
        folder,
        clock,
        out,
        pseudonyms,
        events: 0,
    };
    tokio::select! {
        biased;
        () = end => {}
        failed = recorder.run() => failed?,
    }
    recorder.out.flush()?;
    Ok(recorder.events)
}

struct Recorder<'a, W> {
    api: &'a Api,
    folder: ApiPath,
    clock: Clock,
    out: W,
    pseudonyms: Option<Pseudonyms>,
    events: u64,
}

/// Why recording cannot just go on.
enum Stop {
    Output(io::Error),
    ApiError(ApiError),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        Self::ApiError(error)
    }
}

impl<W: Write> Recorder<'_, W> {
    /// Lists, watches, and lists again whenever the watch cannot be continued. Ends only if the output fails.
    async fn run(&mut self) -> io::Result<()> {
        let mut backoff = Backoff::default();
        loop {
            let Err(stop) = self.list_and_watch(&mut backoff).await;
            let error = match stop {
                Stop::Output(error) => return Err(error),
                Stop::ApiError(error) => error,
            };
            self.out.flush()?;
            tracing::warn!(%error, "the recording has a gap");
            tokio::time::sleep(backoff.pause(error.retry_after())).await;
        }
    }

    async fn list_and_watch(
        &mut self,
        backoff: &mut Backoff,
    ) -> Result<std::convert::Infallible, Stop> {
        /// As long as client-go's watches last at least; a silent one is left a little later.
        const WATCH_LASTS: Duration = Duration::from_secs(300);
        const TIMEOUT: Duration = Duration::from_secs(60);
        let mut version = self.list().await?;
        loop {
            let path = self
                .folder
                .clone()
                .with("watch", 1)
                .with("allowWatchBookmarks", true)
                .with("timeoutSeconds", WATCH_LASTS.as_secs())
                .with("resourceVersion", &version);
            let mut lines = self
                .api
                .open(Call::get(&rights::WATCH_PODS, path), TIMEOUT)
                .await?;
            let until = Instant::now() + WATCH_LASTS + TIMEOUT;
            while let Ok(line) = tokio::time::timeout_at(until, lines.next()).await {
                let Some(line) = line? else { break };
                version = self.apply(&line)?.unwrap_or(version);
                backoff.reset();
            }
            self.out.flush()?;
        }
    }

    /// Writes all pods down as `ADDED`, and returns the version of the list.
    async fn list(&mut self) -> Result<String, Stop> {
        let mut pages = Source::new(self.api, self.folder.clone(), None);
        let mut next = String::new();
        loop {
            let list = parse(&pages.fetch(&next).await?)?;
            let items = list["items"].as_array().into_iter().flatten();
            for item in items.filter(|item| item.is_object()) {
                // The items of a list do not say what they are.
                let mut pod = item.clone();
                pod["kind"] = json!("Pod");
                self.write("ADDED", &pod)?;
            }
            next = text(&list["metadata"]["continue"]);
            if next.is_empty() {
                return Ok(text(&list["metadata"]["resourceVersion"]));
            }
        }
    }

    /// Records one event; returns the version up to which everything is recorded.
    fn apply(&mut self, line: &[u8]) -> Result<Option<String>, Stop> {
        let event = parse(line)?;
        let object = &event["object"];
        match event["type"].as_str() {
            Some("ERROR") => {
                let code = object["code"]
                    .as_u64()
                    .and_then(|code| u16::try_from(code).ok())
                    .unwrap_or(500);
                crate::api::classify(code, None, object.to_string().as_bytes())?;
            }
            Some("BOOKMARK") => {}
            Some(kind) => self.write(kind, object)?,
            None => {
                return Err(ApiError::InvalidResponse("an event without type".to_owned()).into());
            }
        }
        Ok(
            Some(text(&object["metadata"]["resourceVersion"]))
                .filter(|version| !version.is_empty()),
        )
    }

    fn write(&mut self, kind: &str, pod: &Value) -> io::Result<()> {
        let mut pod = slim::pod(pod);
        if let Some(pseudonyms) = &mut self.pseudonyms {
            pseudonyms.apply(&mut pod);
        }
        self.events += 1;
        let received = timestamp::print(self.clock.now());
        writeln!(
            self.out,
            "{}",
            json!({ "received": received, "type": kind, "object": pod })
        )
    }
}

fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| ApiError::InvalidResponse(error.to_string()))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
