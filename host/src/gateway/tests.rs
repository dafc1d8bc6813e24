//! Where a request leads; and what becomes of one that a bug of the host ends, or that is dropped in the middle.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use proptest::prelude::*;

use super::request::Asked;
use super::*;
use crate::apps::{App, AppKey, AppName, AppSpec, Entry, Loader, Routes, Share};
use crate::exchange::Client;
use crate::log::AppLog;
use crate::log::LogFormat;
use crate::manifest::Settings;
use crate::tenants::Account;
use crate::wsgi::environ::{Mount, Services};
use crate::wsgi::path;

/// An application whose code is asked of `loader`.
fn app(name: &str, loader: Loader) -> Entry {
    Entry::Serving(App::new(AppSpec {
        key: AppKey::of_default(AppName::new(name).unwrap()),
        version: "v".into(),
        settings: Settings::default(),
        stats: Arc::default(),
        share: Share::whole(1),
        log: AppLog::none(),
        account: Account::unlimited(),
        loader,
    }))
}

/// A gateway to one application, at `/`, whose code is asked of `loader`; and what its access log says.
fn gateway(folder: &Path, loader: Loader) -> (Arc<Gateway>, impl Fn() -> String) {
    let mut routes = Routes::default();
    routes.insert(&"/".parse().unwrap(), app("app", loader));
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

/// Routes, each to an application whose name is the number of it.
const ROUTES: [&str; 7] = ["/", "/a", "/a/é", "/a/é/ü", "shop.example.com", "shop.example.com/a", "*.example.org/a"];

proptest! {
    #[test]
    fn target_and_host_lead_to_a_route_and_leave_the_rest_of_the_path(
        pieces in proptest::collection::vec(
            prop_oneof![Just("/a"), Just("/"), Just("%C3%A9"), Just("/%c3%a9"), Just("/%C3%BC"), Just("%2F"), Just("%FF"), Just("b")],
            0..6,
        ),
        host in prop_oneof![Just("shop.example.com"), Just("SHOP.Example.com:8080"), Just("a.example.org"), Just("a.b:1")],
        absolute in any::<bool>(),
    ) {
        static GATEWAY: LazyLock<Arc<Gateway>> = LazyLock::new(|| {
            let mut routes = Routes::default();
            for (number, route) in ROUTES.iter().enumerate() {
                routes.insert(&route.parse().unwrap(), app(&number.to_string(), Arc::new(|| panic!("not asked for"))));
            }
            let routes = Arc::new(ArcSwap::from_pointee(routes));
            Gateway::new(Engine::new(1).unwrap(), routes, AccessLog::none(), Vec::new())
        });
        let path = format!("/{}", pieces.concat());
        let target = if absolute { format!("http://{host}{path}?q") } else { format!("{path}?q") };
        // The target's host goes before the header.
        let request = Request::get(target).header("Host", if absolute { "shop.example.com" } else { host });
        let asked = Asked::new(request.body(()).unwrap().into_parts().0, &Line::default(), &GATEWAY);
        let decoded = path::decode(path.as_bytes());
        let bytes = path::bytes(&decoded).unwrap();
        let name = host.split(':').next().unwrap().to_lowercase();
        let routes = GATEWAY.routes.load();
        let expected = routes.lookup(Some(&name), &bytes).map(|found| (found.app.clone(), found.mount));
        let found = asked.find(&GATEWAY);
        prop_assert_eq!(found.is_some(), expected.is_some());
        if let (Some((Entry::Serving(app), place)), Some((Entry::Serving(same), mount))) = (found, expected) {
            prop_assert_eq!(app.key(), same.key());
            let services = Services { request_id: RequestId(0), application: app.name().clone(), version: "v".into() };
            let environ = asked.environ(&Line::default(), place, true, services);
            let Mount { script_name, path_info } = environ.mount;
            prop_assert_eq!(path::bytes(&script_name).unwrap().len(), mount);
            prop_assert_eq!(format!("{script_name}{path_info}"), decoded);
            let route = ROUTES[app.name().parse::<usize>().unwrap()];
            let at = route.find('/').map_or("", |at| &route[at..]).trim_end_matches('/');
            prop_assert_eq!(&*path::bytes(&script_name).unwrap(), at.as_bytes());
        }
    }
}
