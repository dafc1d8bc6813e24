//! The call: one request, from the route that was found to the line in the access log.

use std::sync::Arc;
use std::time::SystemTime;

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
use crate::sandbox::{self, Outcome};
use crate::wsgi::environ::{RequestId, SOFTWARE, Services};
use crate::wsgi::head::Head;
use crate::wsgi::wire::Reject;

/// How long a client is asked to wait before it tries again, in seconds, where nothing is known.
const RETRY: u64 = 1;

/// What is to be done for a request.
enum Task {
    /// It is one for [`Answer::app`].
    Run(Box<sandbox::Request>),
    /// Its application is still being made ready.
    Postpone,
    /// Nothing is at its address.
    Refuse,
    /// It is about the server.
    Describe,
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
        let found = if asked.is_about_server() { None } else { asked.find(self) };
        let clocks = match &found {
            Some((Entry::Serving(app), _)) => app.clocks(),
            _ => host_clocks(),
        };
        let chunks = asked.parts.version == Version::HTTP_11;
        let exchange = Exchange::new(asked.parts.method.clone(), chunks, client.clone(), clocks);
        let mut answer = Answer {
            gateway: self.clone(),
            exchange: exchange.clone(),
            id: self.next_id(),
            client: asked.client(line),
            target: asked.target().clone(),
            app: None,
            logged: false,
        };
        let task = match found {
            Some((Entry::Serving(app), place)) => {
                client.serve_for(app.account().number());
                let body = (!body.is_end_stream()).then_some(body);
                let request = answer.request(&app, asked, line, place, body);
                answer.app = Some(app);
                Task::Run(request)
            }
            Some((Entry::Pending, _)) => Task::Postpone,
            None if asked.is_about_server() => Task::Describe,
            None => Task::Refuse,
        };
        let call = Box::pin(exchange.metered(answer.run(task)));
        Respond::new(call, exchange, tails.clone())
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
            "HTTP/1.1 {} {reason}\r\nserver: {SOFTWARE}\r\ndate: {}\r\ncontent-type: text/plain; charset=utf-8\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            status.as_u16(),
            httpdate::fmt_http_date(SystemTime::now()),
            page.len(),
        );
        (head + &page).into_bytes()
    }
}

/// The clocks of requests that no application answers.
fn host_clocks() -> Clocks {
    let limits = Limits::default();
    Clocks { cpu: limits.cpu, wall: limits.wall, life: limits.life, stall: limits.stall }
}

/// How a request ended, and why it was refused where that is known.
type Ending = (Outcome, Option<&'static str>);

/// One request's answer, and its line in the access log: exactly one, also where it is dropped in the middle.
struct Answer {
    gateway: Arc<Gateway>,
    exchange: Arc<Exchange>,
    id: RequestId,
    client: Option<std::net::SocketAddr>,
    target: Arc<str>,
    app: Option<Arc<App>>,
    logged: bool,
}

/// What ended in the middle was cut with its connection, or by a bug of the host: then its client
/// gets a page if it can.
impl Drop for Answer {
    fn drop(&mut self) {
        if self.logged {
            return;
        }
        if std::thread::panicking() {
            self.fail(Outcome::Host);
            return self.log(Outcome::Host, Some("the host failed; its own log says how"));
        }
        if let Some(app) = &self.app {
            app.log().line("host", &format!("request {} was cut with its connection: the host is ending", self.id));
        }
        self.log(Outcome::Cut, None);
    }
}

impl Answer {
    /// The request for an application. It is in a box, since it changes hands often and is not small.
    fn request<B>(&self, app: &App, asked: Asked, line: &Line, place: Place, body: Option<B>) -> Box<sandbox::Request>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let limits = &app.settings().limits;
        let services =
            Services { request_id: self.id, application: app.name().clone(), version: app.version().clone() };
        Box::new(sandbox::Request {
            environ: asked.environ(line, place, !app.reuses(), services),
            input: Input::new(body, self.exchange.client.clone(), limits.body, limits.stall),
            exchange: self.exchange.clone(),
        })
    }

    async fn run(mut self, task: Task) {
        let (outcome, reason) = match (task, &self.app) {
            (Task::Run(request), Some(app)) => self.run_app(app, request).await,
            (Task::Describe, _) => (self.describe_server().await, None),
            (Task::Postpone, _) => (self.refuse(Outcome::Unavailable).await, None),
            (Task::Run(_) | Task::Refuse, _) => (self.refuse(Outcome::NotFound).await, None),
        };
        self.log(outcome, reason);
    }

    async fn run_app(&self, app: &App, request: Box<sandbox::Request>) -> Ending {
        let limits = &app.settings().limits;
        if announced_length(&request.environ.headers).is_some_and(|length| length > limits.body) {
            self.exchange.client.close_after();
            return (self.refuse(Outcome::Size).await, None);
        }
        let _ticking = sandbox::ticking(&self.gateway.engine);
        let _turn = match app.enter(&self.exchange).await {
            Ok(turn) => turn,
            Err(unserved) => return self.unserved(app, &unserved).await,
        };
        // What its guest computes is that of its tenant from its start function on.
        self.exchange.bill(app.spender());
        if app.is_long() {
            self.exchange.begin_long().await;
        }
        let instance = match app.instance(&self.gateway.engine, &self.exchange).await {
            Ok(instance) => instance,
            Err(unserved) => return self.unserved(app, &unserved).await,
        };
        let keep = app.reuses().then_some(|instance| app.keep(instance));
        let fail = |outcome| self.fail(outcome);
        (sandbox::run(instance, &self.exchange, request, keep, fail).await, None)
    }

    async fn unserved(&self, app: &App, unserved: &Unserved) -> Ending {
        let outcome = Outcome::from(unserved);
        if !matches!(outcome, Outcome::Unavailable | Outcome::ClientGone) {
            app.log().line("host", &format!("request {} was not served: {unserved}", self.id));
        }
        let retry = match unserved {
            Unserved::TooMany(wait) => wait.as_secs() + RETRY,
            _ => RETRY,
        };
        self.fail_for(outcome, retry);
        let _ = self.exchange.settle().await;
        (outcome, unserved.reason())
    }

    /// Answers with one of the host's pages, if nothing of the application went out yet.
    fn fail(&self, outcome: Outcome) {
        self.fail_for(outcome, RETRY);
    }

    /// The same, where what is unavailable may be available in `retry` seconds.
    fn fail_for(&self, outcome: Outcome, retry: u64) {
        if outcome == Outcome::ClientGone {
            return;
        }
        let (mut head, page) = Head::page(outcome.status(), self.id);
        if head.status == StatusCode::SERVICE_UNAVAILABLE {
            head.headers.insert(RETRY_AFTER, retry.into());
        }
        if matches!(outcome, Outcome::Request | Outcome::Size | Outcome::Timeout) {
            self.exchange.client.close_after();
        }
        self.exchange.fail(head, page);
    }

    async fn refuse(&self, outcome: Outcome) -> Outcome {
        self.fail(outcome);
        let _ = self.exchange.settle().await;
        outcome
    }

    async fn describe_server(&self) -> Outcome {
        let mut headers = HeaderMap::new();
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
        let head = Head { status: StatusCode::OK, reason: None, headers, content_length: None };
        self.exchange.fail(head, String::new());
        let _ = self.exchange.settle().await;
        Outcome::Ok
    }

    fn log(&mut self, outcome: Outcome, reason: Option<&'static str>) {
        self.logged = true;
        let app = self.app.as_deref();
        let Exchange { method, meter, .. } = &*self.exchange;
        let (sent, used) = (self.exchange.sent(), meter.read());
        if let Some(app) = app {
            app.count(outcome == Outcome::Ok, &used, meter.short_cpu(&used));
        }
        self.gateway.access_log.write(&Access {
            request_id: self.id,
            client: self.client,
            method: method.as_str(),
            target: &self.target,
            app: app.map(|app| (app.key(), &**app.version())),
            outcome: outcome.as_str(),
            reason,
            status: sent.status,
            bytes_in: meter.bytes_read(),
            bytes_out: sent.bytes,
            used,
            memory: meter.memory(),
            first_byte: sent.first_byte,
        });
    }
}

/// Content-Length, which was checked with the head.
fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
