//! What agents know: sites crawled, files put, all of it through the command line. Features, "Answers".

use std::{env::temp_dir, fs};

use serde_json::{Value, json};

use crate::support::{Agent, Site, Stack, succeeds};

/// A site with everything that a crawl can meet.
async fn shop() -> Site {
    let site = Site::start().await;
    let origin = site.origin.clone();
    site.put("/robots.txt", 200, "text/plain", "User-agent: *\nDisallow: /private/\n");
    let sitemap = format!(
        "<urlset><url><loc>{origin}/unlinked</loc></url><url><loc>https://elsewhere.example/</loc></url></urlset>"
    );
    site.put("/sitemap.xml", 200, "application/xml", &sitemap);
    site.page(
        "/",
        "<title>Shop</title><nav><a href=refunds>R</a><a href=/old>O</a><a href=broken>B</a><a href=private/x>P</a>\
         <a href=secret>S</a><a href=copy?utm_source=x>C</a><a href=logo.png>L</a><a href=notes.txt>N</a>\
         <a href=https://elsewhere.example/x>E</a></nav><main><h1>Welcome</h1><p>We rent lanterns.</p></main>",
    );
    site.page("/refunds", "<title>Refunds</title><main><h1>Refunds</h1><h2 id=how-long>How long</h2><p>A lantern can be returned for a full refund within 30 days of rental.</p></main>");
    site.put("/old", 301, "/refunds", "");
    site.put("/broken", 500, "text/html", "");
    site.page("/private/x", "<p>Wages</p>");
    site.page("/secret", "<meta name=robots content=noindex><p>Secret</p>");
    site.page("/copy", "<link rel=canonical href=/refunds><p>Copy</p>");
    site.put("/notes.txt", 200, "text/plain", "Lanterns weigh two kilograms.");
    site.page(
        "/unlinked",
        "<title>Unlinked</title><p>Only the sitemap knows this page.</p>",
    );
    site
}

#[tokio::test]
async fn a_site_is_crawled_and_then_only_what_changed() {
    let agent = Stack::shared().await.agent().await;
    let site = shop().await;

    let first = agent.crawl(&site, &[]).await;

    assert_eq!(counts(&first), (4, 0, 0, 0), "{first}");
    let skipped =
        json!({ "redirects elsewhere": 1, "robots.txt": 1, "noindex": 1, "has another canonical address": 1 });
    assert_eq!(first["skipped"], skipped);
    assert_eq!(first["failed"][0]["url"], format!("{}/broken", site.origin));
    assert_eq!(first["knowledge"]["documents"], 4);
    let transcript = agent
        .visitor()
        .await
        .ask("How many days do I have to return a lantern for a refund?")
        .await;
    assert!(transcript.text().contains("30 days"), "{}", transcript.text());
    let cited = transcript.citations().expect("citations")[0]["url"].clone();
    assert_eq!(cited, format!("{}/refunds#how-long", site.origin));

    let again = agent.crawl(&site, &[]).await;
    assert_eq!(counts(&again), (0, 0, 4, 0), "{again}");
    assert!(site.answered(304) >= 3, "what has an ETag is not fetched twice");

    site.page(
        "/refunds",
        "<title>Refunds</title><p>Within 60 days.</p><a href=/late>L</a>",
    );
    site.page("/late", "<title>Late</title><p>Late returns cost a pound.</p>");
    site.remove("/unlinked");
    site.put("/sitemap.xml", 404, "text/plain", "");
    let third = agent.crawl(&site, &[]).await;
    assert_eq!(counts(&third), (1, 1, 2, 1), "{third}");
    assert_eq!(third["knowledge"]["documents"], 4);
}

#[tokio::test]
async fn a_crawl_that_ended_early_goes_on_where_it_was() {
    let agent = Stack::shared().await.agent().await;
    let site = Site::start().await;
    site.page("/", "<title>0</title><p>Page zero.</p><a href=/1>1</a>");
    for page in 1..120 {
        // Each page is linked only from the one before.
        site.page(
            &format!("/{page}"),
            &format!("<title>{page}</title><p>Page {page}.</p><a href=/{}>next</a>", page + 1),
        );
    }
    let first = agent.crawl(&site, &["--max-pages", "70"]).await;
    assert_eq!((&first["new"], &first["left_out"]), (&json!(70), &json!(1)));
    let second = agent.crawl(&site, &[]).await;
    assert_eq!(
        (&second["new"], &second["left_out"]),
        (&json!(50), &json!(0)),
        "{second}"
    );
    assert_eq!(second["knowledge"]["documents"], 120);
}

#[tokio::test]
async fn a_site_that_forbids_its_start_page_is_left_alone() {
    let agent = Stack::shared().await.agent().await;
    let site = Site::start().await;
    site.page("/", "<p>Welcome.</p>");
    site.put("/robots.txt", 200, "text/plain", "User-agent: *\nDisallow: /\n");
    let url = format!("{}/", site.origin);
    let mut crawl = vec![
        "knowledge",
        "crawl",
        "--agent",
        &agent.id,
        "--url",
        &url,
        "--allow-private",
    ];

    let output = agent.diagent(&crawl).await;

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && said.contains("robots.txt forbids it"),
        "{said}"
    );
    assert_eq!(site.answered(200), 1, "only robots.txt is fetched");
    crawl.extend(["--max-pages", "0"]);
    let none = agent.diagent(&crawl).await;
    let said = String::from_utf8_lossy(&none.stderr);
    assert!(!none.status.success() && said.contains("--max-pages"), "{said}");
}

#[tokio::test]
async fn pages_are_told_by_their_own_names_and_those_without_text_are_left_out() {
    let agent = Stack::shared().await.agent().await;
    let site = Site::start().await;
    site.page(
        "/",
        "<title>Opening hours | Bikes</title><main><h1>Opening hours</h1><table><tr><th>Day</th><th>Opens</th>\
         <th>Closes</th></tr><tr><td>Saturday</td><td>10:00</td><td>15:00</td></tr></table>\
         <a href=/guide.md>G</a><a href=/empty>E</a></main>",
    );
    site.put("/guide.md", 200, "text/markdown", "# Repair guide\n\nPatch the tube.");
    site.page("/empty", "<title>Empty</title><main><script>draw()</script></main>");

    let crawled = agent.crawl(&site, &[]).await;

    assert_eq!(counts(&crawled), (2, 0, 0, 0), "{crawled}");
    assert_eq!(
        (&crawled["skipped"], &crawled["failed"]),
        (&json!({ "no text": 1 }), &json!([]))
    );
    let titles: Vec<String> = listed(&agent).await.into_iter().map(|(_, title)| title).collect();
    assert_eq!(titles, ["Opening hours", "Repair guide"]);
    let transcript = agent
        .visitor()
        .await
        .ask("Which hours on Saturday: opens, closes?")
        .await;
    assert!(
        transcript.text().contains("Saturday: Opens 10:00, Closes 15:00."),
        "{}",
        transcript.text()
    );
    let cited = transcript.citations().expect("citations")[0]["url"].clone();
    assert_eq!(cited, format!("{}/", site.origin), "the heading has no id to link to");
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let agent = Stack::shared().await.agent().await;
    let site = Site::start().await;
    site.page("/", "<p>Inside.</p>");
    let port = site.origin.rsplit(':').next().expect("a port");
    for host in ["127.0.0.1", "localhost", "[::1]", "2130706433", "169.254.169.254"] {
        let url = format!("http://{host}:{port}/");
        let output = agent
            .diagent(&["knowledge", "crawl", "--agent", &agent.id, "--url", &url])
            .await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains("private address"),
            "{url}: {said}"
        );
    }
    assert_eq!(site.answered(200), 0);
}

#[tokio::test]
async fn neither_a_redirect_nor_a_sitemap_leads_to_a_private_host_but_the_one_that_was_allowed() {
    let agent = Stack::shared().await.agent().await;
    let (site, neighbour) = (Site::start().await, Site::start().await);
    site.page(
        "/",
        "<title>Home</title><p>Welcome.</p><a href=/away>A</a><a href=/name>N</a>",
    );
    neighbour.page("/", "<p>Wages.</p>");
    let port = neighbour.origin.rsplit(':').next().expect("a port");
    site.put("/away", 302, &format!("{}/", neighbour.origin), "");
    site.put("/name", 302, &format!("http://localhost:{port}/"), "");
    neighbour.put("/sitemap.xml", 200, "application/xml", "<urlset/>");
    let index = format!(
        "<sitemapindex><sitemap><loc>{}/sitemap.xml</loc></sitemap></sitemapindex>",
        neighbour.origin
    );
    site.put("/sitemap.xml", 200, "application/xml", &index);

    let crawled = agent.crawl(&site, &[]).await;

    assert_eq!(counts(&crawled).0, 1, "{crawled}");
    assert_eq!(crawled["skipped"], json!({ "leads to a private address": 1 }));
    assert_eq!(crawled["failed"].as_array().map(Vec::len), Some(1), "{crawled}");
    assert_eq!(neighbour.answered(200), 0);
}

#[tokio::test]
async fn files_are_put_listed_and_removed() {
    let agent = Stack::shared().await.agent().await;
    let folder = temp_dir().join(format!("diagent-it-files-{}", agent.id));
    fs::create_dir_all(&folder).expect("a folder");
    let file = |name: &str, text: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, text).expect("a file");
        path.to_string_lossy().into_owned()
    };
    let files = [
        file(
            "a.html",
            b"<title>Prices</title><main><h1>Prices</h1><p>Three pounds.</p></main>",
        ),
        file("b.md", b"# Opening hours\n\nNine to five."),
        file("c.txt", b"Plain text."),
    ];
    let base = agent.page("/help/");
    let mut put = vec!["knowledge", "put", "--agent", &agent.id, "--url", &base];
    put.extend(files.iter().map(String::as_str));
    succeeds(&agent, &put).await;
    let broken = file("d.pdf", b"%PDF-1.7 nonsense");
    let after = file("e.txt", b"More text.");
    let output = agent
        .diagent(&[
            "knowledge",
            "put",
            "--agent",
            &agent.id,
            "--url",
            &base,
            &broken,
            &after,
        ])
        .await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "a broken PDF is refused: {said}");
    assert!(
        said.contains("d.pdf failed") && said.contains("1 of 2 files are known, 1 failed"),
        "{said}"
    );

    let address = agent.page("/help/c.txt");
    succeeds(
        &agent,
        &["knowledge", "remove", "--agent", &agent.id, "--url", &address],
    )
    .await;
    let expected = [
        ("/help/a.html", "Prices"),
        ("/help/b.md", "Opening hours"),
        ("/help/e.txt", "e"),
    ]
    .map(|(path, title)| (agent.page(path), title.to_owned()));
    assert_eq!(listed(&agent).await, expected, "at once, for both commands wait");
    fs::remove_dir_all(folder).expect("a folder");
}

/// Address and title of every page that the agent knows.
async fn listed(agent: &Agent) -> Vec<(String, String)> {
    let printed = succeeds(agent, &["knowledge", "list", "--agent", &agent.id, "--json"]).await;
    let pages: Value = serde_json::from_str(&printed).expect("JSON");
    let text = |page: &Value, name: &str| page[name].as_str().unwrap_or_default().to_owned();
    let pages = pages.as_array().expect("a list").iter();
    let mut listed: Vec<_> = pages.map(|page| (text(page, "url"), text(page, "title"))).collect();
    listed.sort();
    listed
}

/// New, changed, the same, removed.
fn counts(summary: &Value) -> (u64, u64, u64, u64) {
    let count = |name: &str| summary[name].as_u64().expect("a number");
    (count("new"), count("changed"), count("same"), count("removed"))
}
