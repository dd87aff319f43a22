//! What is recorded from a cluster can be replayed, and tells the same story.

use std::time::Duration;

use clap::Parser;
use pullstop_core::wire::timestamp;
use pullstop_enforcer::api::Api;
use pullstop_enforcer::record::{RecordArgs, record};
use serde_json::Value;

use crate::cluster::How;
use crate::{Recording, recorded};

#[tokio::test(start_paused = true)]
async fn a_recording_has_every_state_and_no_more_than_is_needed() {
    let (recording, cluster) = recorded("missing-tag");
    let clock = recording.clock();
    cluster.fault("GET", "watch=1", 1, How::Status(410, None));
    let api = Api::new(cluster.client(), std::sync::Arc::default());
    for (number, args) in [&["record", "x"][..], &["record", "x", "--pseudonyms"]]
        .into_iter()
        .enumerate()
    {
        let args = RecordArgs::parse_from(args);
        let mut out = Vec::new();
        if number == 0 {
            tokio::spawn(Recording::read("missing-tag").play(cluster.clone(), clock));
        }
        let end = tokio::time::sleep(Duration::from_secs(400));
        let events = record(&args, &api, clock, &mut out, end).await.unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len() as u64, events);
        assert!(events > 3, "{events}");
        assert!(
            !text.contains("terminationMessagePath") && !text.contains("last-applied"),
            "{text}"
        );
        let moments: Vec<_> = lines
            .iter()
            .map(|line| timestamp::parse(line["received"].as_str().unwrap()).unwrap())
            .collect();
        assert!(moments.is_sorted());
        let shows = |text: &str| lines.iter().any(|line| line.to_string().contains(text));
        assert_eq!(shows("missing-tag"), number == 0);
        assert_eq!(shows("good/busybox:nope"), number == 0);
        assert!(shows("ErrImagePull") && shows(": not found"));
    }
}
