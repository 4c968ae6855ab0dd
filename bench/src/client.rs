//! One HTTP connection with as little in between as possible, so that the bench measures the product and not itself.

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, Response, body::Incoming, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A keep-alive connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    address: String,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// What a call is made with.
pub(crate) struct Call<'a> {
    pub(crate) path: &'a str,
    pub(crate) token: Option<&'a str>,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) async fn connect(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the connection's task ends with the connection"
        )]
        tokio::spawn(connection);
        Ok(Self {
            sender,
            address: address.to_owned(),
        })
    }

    pub(crate) async fn get(&mut self, path: &str, token: Option<&str>) -> anyhow::Result<Answer> {
        whole(self.open_get(path, token).await?).await
    }

    /// Gets, and leaves the answer's body to the caller.
    pub(crate) async fn open_get(&mut self, path: &str, token: Option<&str>) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::builder()
            .uri(path)
            .header("host", &self.address)
            .header("origin", crate::visitor::ORIGIN);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        Ok(self.sender.send_request(request.body(Full::default())?).await?)
    }

    pub(crate) async fn post(&mut self, call: Call<'_>) -> anyhow::Result<Answer> {
        whole(self.open(call).await?).await
    }

    /// Posts, and leaves the answer's body to the caller.
    pub(crate) async fn open(&mut self, call: Call<'_>) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(call.path)
            .header("host", &self.address)
            .header("origin", crate::visitor::ORIGIN)
            .header("content-type", "application/json");
        if let Some(token) = call.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if self.sender.ready().await.is_err() {
            // The server has closed it, as it does with one that was idle while something else was measured.
            *self = Self::connect(&self.address).await?;
        }
        Ok(self.sender.send_request(request.body(Full::new(call.body))?).await?)
    }
}

async fn whole(response: Response<Incoming>) -> anyhow::Result<Answer> {
    let status = response.status().as_u16();
    let body = response
        .into_body()
        .collect()
        .await
        .context("the answer broke off")?
        .to_bytes();
    Ok(Answer { status, body })
}
