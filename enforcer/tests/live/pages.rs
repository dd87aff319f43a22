//! Pages of pods that are too large.

use std::sync::Arc;

use pullstop_enforcer::api::{ANSWER_BYTES_MAX, Api, ApiError};
use pullstop_enforcer::pods::pages::Pages;
use serde_json::json;

use crate::cluster::Cluster;

/// A cluster with so large pods, and its API.
fn server(sizes: &[usize]) -> (Api, Cluster) {
    let cluster = Cluster::new();
    cluster.state().metadata_first = true;
    for (at, size) in sizes.iter().enumerate() {
        let name = format!("p{at:04}");
        let annotations = json!({"a": "x".repeat(*size)});
        cluster.put(
            &name,
            json!({"metadata": {"uid": name, "annotations": annotations}}),
        );
    }
    (Api::new(cluster.client(), Arc::default()), cluster)
}

/// How many pods were asked for each time.
fn limits(cluster: &Cluster) -> Vec<usize> {
    let limit = |path: &String| {
        let mut pairs = path.split(['?', '&']);
        let value = pairs.find_map(|pair| pair.strip_prefix("limit="));
        value.unwrap().parse().unwrap()
    };
    let state = cluster.state();
    state.requests.iter().map(|(_, path)| limit(path)).collect()
}

/// How many pods can be read, and how many cannot.
async fn count(api: &Api) -> Result<(usize, usize), ApiError> {
    let (mut pages, mut read, mut damaged) = (Pages::new(api, ""), 0, 0);
    while let Some(page) = pages.next().await? {
        read += page.pods.len();
        damaged += page.damaged;
    }
    Ok((read, damaged))
}

#[tokio::test]
async fn a_page_that_is_too_large_is_asked_for_in_smaller_ones() {
    let (api, cluster) = server(&[1 << 20; 100]);
    assert_eq!(count(&api).await, Ok((100, 0)));
    let limits = limits(&cluster);
    assert_eq!(limits, [500, 250, 125, 62, 31, 31, 31, 31]);
}

#[tokio::test]
async fn pages_grow_again_when_there_is_room() {
    let mut sizes = vec![4 << 20; 10];
    sizes.extend([10; 2000]);
    let (api, cluster) = server(&sizes);
    assert_eq!(count(&api).await, Ok((2010, 0)));
    let limits = limits(&cluster);
    assert_eq!(
        limits,
        [
            500, 250, 125, 62, 31, 15, 7, 7, 7, 14, 28, 56, 112, 224, 448, 500, 500, 500
        ]
    );
}

#[tokio::test]
async fn a_pod_that_is_too_large_by_itself_blinds_nobody_to_the_others() {
    let (api, _) = server(&[10, ANSWER_BYTES_MAX, 10, 10]);
    assert_eq!(count(&api).await, Ok((3, 1)));
}
