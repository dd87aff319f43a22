//! Pages of pods that are too large.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, Response};
use kube::Client;
use pullstop_enforcer::api::{ANSWER_BYTES_MAX, Api, ApiError};
use pullstop_enforcer::pods::pages::Pages;

/// How many pods were asked for each time, and how many bytes were the answer.
type Asked = Arc<Mutex<Vec<(usize, usize)>>>;

/// A server with so large pods.
fn server(sizes: &[usize]) -> (Api, Asked) {
    let pods: Vec<String> = sizes
        .iter()
        .enumerate()
        .map(|(at, size)| pod(at, *size))
        .collect();
    let (pods, asked) = (Arc::new(pods), Asked::default());
    let told = Arc::clone(&asked);
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        let (pods, told) = (Arc::clone(&pods), Arc::clone(&told));
        let number = |name: &str| {
            let mut pairs = request.uri().query().unwrap().split('&');
            let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            value.map_or(0, |value| value.parse().unwrap())
        };
        let (limit, from): (usize, usize) = (number("limit"), number("continue"));
        let end = pods.len().min(from + limit);
        let next = if end < pods.len() {
            format!(r#","continue":"{end}""#)
        } else {
            String::new()
        };
        let items = pods[from..end].join(",");
        let text = format!(
            r#"{{"kind":"PodList","metadata":{{"resourceVersion":"9"{next}}},"items":[{items}]}}"#
        );
        told.lock().unwrap().push((limit, text.len()));
        async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text)))) }
    });
    (
        Api::new(Client::new(service, "default"), Arc::default()),
        asked,
    )
}

fn pod(at: usize, size: usize) -> String {
    let junk = "x".repeat(size);
    format!(
        r#"{{"metadata":{{"name":"p{at}","namespace":"n","uid":"u{at}","resourceVersion":"7","annotations":{{"a":"{junk}"}}}}}}"#
    )
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
    let (api, asked) = server(&[1 << 20; 100]);
    assert_eq!(count(&api).await, Ok((100, 0)));
    let limits: Vec<usize> = asked
        .lock()
        .unwrap()
        .iter()
        .map(|(limit, _)| *limit)
        .collect();
    assert_eq!(limits, [500, 250, 125, 62, 31, 31, 31, 31]);
}

#[tokio::test]
async fn pages_grow_again_when_there_is_room() {
    let mut sizes = vec![4 << 20; 10];
    sizes.extend([10; 2000]);
    let (api, asked) = server(&sizes);
    assert_eq!(count(&api).await, Ok((2010, 0)));
    let limits: Vec<usize> = asked
        .lock()
        .unwrap()
        .iter()
        .map(|(limit, _)| *limit)
        .collect();
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
