//! What becomes of a request that a bug of the host ends, or that is dropped in the middle.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};

use super::*;
use crate::apps::{App, AppKey, AppName, AppSpec, Entry, Loader, Routes, Share};
use crate::exchange::Client;
use crate::log::AppLog;
use crate::log::LogFormat;
use crate::manifest::Settings;
use crate::tenants::Account;

/// A gateway to one application, at `/`, whose code is asked of `loader`; and what its access log says.
fn gateway(folder: &Path, loader: Loader) -> (Arc<Gateway>, impl Fn() -> String) {
    let app = App::new(AppSpec {
        key: AppKey::of_default(AppName::new("app").unwrap()),
        version: "v".into(),
        settings: Settings::default(),
        stats: Arc::default(),
        share: Share::whole(1),
        log: AppLog::none(),
        account: Account::unlimited(),
        loader,
    });
    let mut routes = Routes::default();
    routes.insert(&"/".parse().unwrap(), Entry::Serving(app));
    let path = folder.join("access.log");
    let log = AccessLog::open(&path, LogFormat::Text).unwrap();
    log.start().unwrap();
    let routes = Arc::new(ArcSwap::from_pointee(routes));
    let gateway = Gateway::new(Engine::new(1).unwrap(), routes, log, Vec::new());
    let flushed = gateway.clone();
    let said = move || {
        flushed.access_log().flush(std::time::Duration::from_secs(60));
        fs::read_to_string(&path).unwrap()
    };
    (gateway, said)
}

fn request() -> Request<Empty<Bytes>> {
    Request::get("/a?b").header("Host", "localhost").body(Empty::new()).unwrap()
}

#[tokio::test]
async fn a_bug_of_the_host_is_one_500_and_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, said) = gateway(folder.path(), Arc::new(|| panic!("a bug")));
    let (client, tails) = (Arc::new(Client::default()), Tails::default());
    for _ in 0..2 {
        let response = gateway.serve(request(), &Line::default(), &client, &tails).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let page = response.into_body().collect().await.map_err(|_| "cut").unwrap().to_bytes();
        assert!(page.starts_with(b"500 Internal Server Error\nrequest "), "{page:?}");
    }
    let said = said();
    assert_eq!(said.matches(" GET /a?b 500 host app=default/app version=v ").count(), 2, "{said}");
    assert_eq!((said.lines().count(), said.matches("reason=\"the host failed").count()), (2, 2), "{said}");
}

#[tokio::test]
async fn a_request_that_is_dropped_has_its_line_too() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, said) = gateway(folder.path(), Arc::new(|| Box::pin(std::future::pending())));
    let (client, tails) = (Arc::new(Client::default()), Tails::default());
    // One that nobody polled, and one that waits for its code.
    let unpolled = gateway.serve(request(), &Line::default(), &client, &tails);
    let mut polled = gateway.serve(request(), &Line::default(), &client, &tails);
    assert!(
        std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut polled).poll(cx).is_pending())).await
    );
    drop((unpolled, polled));
    assert_eq!(said(), "", "the connection could still finish them");
    drop(tails);
    let said = said();
    assert_eq!(said.matches(" GET /a?b - cut app=default/app version=v ").count(), 2, "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}
