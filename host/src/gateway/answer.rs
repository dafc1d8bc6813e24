//! The call: one request, from the route that was found to the line in the access log.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Version};
use http_body::Body;

use super::Gateway;
use super::request::{Asked, Line, Place};
use super::respond::{Respond, Tails};
use crate::apps::{App, Entry, Unserved};
use crate::exchange::{Client, Clocks, Exchange, Input};
use crate::log::Access;
use crate::manifest::Limits;
use crate::sandbox::{self, Outcome, Served};
use crate::wsgi::environ::{Environ, RequestId, SOFTWARE, Services};
use crate::wsgi::head::Head;
use crate::wsgi::wire::Reject;

/// How long a client is asked to wait before it tries again, in seconds.
const RETRY: HeaderValue = HeaderValue::from_static("1");

/// Where a request leads.
enum Target {
    App(Arc<App>, Place),
    Pending,
    Nothing,
    Server,
}

impl Gateway {
    /// Answers a request. The response's body must be polled, or dropped, on the task that polls
    /// `tails`.
    pub fn serve<B>(self: &Arc<Self>, request: Request<B>, line: &Line, client: &Arc<Client>, tails: &Tails) -> Respond
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let asked = Asked::new(parts, line, self);
        let target = match asked.find(self) {
            _ if asked.is_about_server() => Target::Server,
            Some((Entry::Serving(app), place)) => Target::App(app, place),
            Some((Entry::Pending, _)) => Target::Pending,
            None => Target::Nothing,
        };
        let clocks = match &target {
            Target::App(app, _) => app.clocks(),
            _ => host_clocks(),
        };
        let chunks = asked.parts.version == Version::HTTP_11;
        let exchange = Exchange::new(asked.parts.method.clone(), chunks, client.clone(), clocks);
        let id = self.next_id();
        let request = Answer { gateway: self.clone(), exchange: exchange.clone(), id, client: asked.client(line) };
        let line = line.clone();
        let body = (!body.is_end_stream()).then_some(body);
        Respond::new(Box::pin(request.run(asked, line, target, body)), self.clone(), id, exchange, tails.clone())
    }

    /// A bug of the host ended a request: its client gets a page, and the log its line.
    pub(super) fn excuse(&self, id: RequestId, exchange: &Exchange) {
        let (head, page) = Head::page(StatusCode::INTERNAL_SERVER_ERROR, id);
        exchange.fail(head, page);
        let sent = exchange.sent();
        self.access_log.write(&Access {
            method: exchange.method.as_str(),
            status: sent.status,
            bytes_out: sent.bytes,
            cpu: exchange.meter.cpu(),
            first_byte: sent.first_byte,
            elapsed: exchange.began.elapsed(),
            ..Access::of_nobody(id, Outcome::Host.as_str(), "the host failed; its own log says how")
        });
    }

    /// What a client is told whose bytes are not HTTP, as they go to the socket; and the log's line.
    pub(crate) fn reject(&self, reject: Reject, line: &Line) -> Vec<u8> {
        let id = self.next_id();
        let status = StatusCode::from_u16(reject.status).unwrap_or(StatusCode::BAD_REQUEST);
        let (_, page) = Head::page(status, id);
        self.access_log.write(&Access {
            client: line.peer,
            status: Some(reject.status),
            bytes_out: page.len() as u64,
            ..Access::of_nobody(id, Outcome::Request.as_str(), reject.reason)
        });
        let reason = status.canonical_reason().unwrap_or("Error");
        let head = format!(
            "HTTP/1.1 {} {reason}\r\nserver: {SOFTWARE}\r\ncontent-type: text/plain; charset=utf-8\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            status.as_u16(),
            page.len(),
        );
        (head + &page).into_bytes()
    }
}

/// The clocks of requests that no application answers.
fn host_clocks() -> Clocks {
    let limits = Limits::default();
    Clocks { cpu: limits.cpu, wall: limits.wall, life: limits.life }
}

struct Answer {
    gateway: Arc<Gateway>,
    exchange: Arc<Exchange>,
    id: RequestId,
    client: Option<std::net::SocketAddr>,
}

impl Answer {
    async fn run<B>(self, asked: Asked, line: Line, target: Target, body: Option<B>)
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let input = |limit| Input::new(body, self.exchange.client.clone(), limit);
        match target {
            Target::App(app, place) => self.run_app(&app, asked, line, place, input(app.settings().limits.body)).await,
            Target::Pending => self.refuse(&asked, None, Outcome::Unavailable).await,
            Target::Nothing => self.refuse(&asked, None, Outcome::NotFound).await,
            Target::Server => self.describe_server(&asked).await,
        }
    }

    async fn run_app(&self, app: &Arc<App>, asked: Asked, line: Line, place: Place, input: Input) {
        let limits = &app.settings().limits;
        if announced_length(&asked.parts.headers).is_some_and(|length| length > limits.body) {
            self.exchange.client.close_after();
            return self.refuse(&asked, Some(app), Outcome::Size).await;
        }
        let _ticking = sandbox::ticking(&self.gateway.engine);
        let _turn = match app.enter(&self.exchange.client).await {
            Ok(turn) => turn,
            Err(unserved) => return self.unserved(&asked, app, &unserved).await,
        };
        let mut instance = match app.instance(&self.gateway.engine, &self.exchange).await {
            Ok(instance) => instance,
            Err(unserved) => return self.unserved(&asked, app, &unserved).await,
        };
        let services =
            Services { request_id: self.id, application: app.name().clone(), version: app.version().clone() };
        let environ = asked.environ(&line, place, !app.reuses(), services);
        let fail = |outcome| self.fail(outcome);
        let served = sandbox::run(&mut instance, &self.exchange, environ, input, app.reuses(), fail).await;
        if served.reusable {
            app.keep(&self.gateway.engine, instance);
        } else {
            drop(instance);
        }
        self.log_served(app, &served);
    }

    async fn unserved(&self, asked: &Asked, app: &Arc<App>, unserved: &Unserved) {
        let outcome = Outcome::from(unserved);
        if !matches!(outcome, Outcome::Unavailable | Outcome::ClientGone) {
            app.log().line("host", &format!("request {} was not served: {unserved}", self.id));
        }
        self.refuse(asked, Some(app), outcome).await;
    }

    /// Answers with one of the host's pages, if nothing of the application went out yet.
    fn fail(&self, outcome: Outcome) {
        if outcome == Outcome::ClientGone {
            return;
        }
        let (mut head, page) = Head::page(outcome.status(), self.id);
        if head.status == StatusCode::SERVICE_UNAVAILABLE {
            head.headers.insert(RETRY_AFTER, RETRY);
        }
        if matches!(outcome, Outcome::Request | Outcome::Size | Outcome::Timeout) {
            self.exchange.client.close_after();
        }
        self.exchange.fail(head, page);
    }

    async fn refuse(&self, asked: &Asked, app: Option<&App>, outcome: Outcome) {
        self.fail(outcome);
        let _ = self.exchange.settle().await;
        self.log(asked.parts.method.as_str(), asked.target(), app, outcome, 0, 0);
    }

    async fn describe_server(&self, asked: &Asked) {
        let mut headers = HeaderMap::new();
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
        let head = Head { status: StatusCode::OK, reason: None, headers, content_length: None };
        self.exchange.fail(head, String::new());
        let _ = self.exchange.settle().await;
        self.log(asked.parts.method.as_str(), asked.target(), None, Outcome::Ok, 0, 0);
    }

    fn log_served(&self, app: &App, served: &Served) {
        let (method, target) = match &served.environ {
            Some(Environ { method, target, .. }) => (method.as_str(), target.as_str()),
            None => ("", ""),
        };
        self.log(method, target, Some(app), served.outcome, served.bytes_read, served.memory);
    }

    fn log(&self, method: &str, target: &str, app: Option<&App>, outcome: Outcome, bytes_in: u64, memory: u64) {
        if let Some(app) = app {
            app.count(outcome == Outcome::Ok);
        }
        let sent = self.exchange.sent();
        self.gateway.access_log.write(&Access {
            request_id: self.id,
            client: self.client,
            method,
            target,
            app: app.map(|app| (app.key(), &**app.version())),
            outcome: outcome.as_str(),
            reason: None,
            status: sent.status,
            bytes_in,
            bytes_out: sent.bytes,
            cpu: self.exchange.meter.cpu(),
            memory,
            first_byte: sent.first_byte,
            elapsed: self.exchange.began.elapsed(),
        });
    }
}

/// Content-Length, which was checked with the head.
fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
