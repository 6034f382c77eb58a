use std::sync::Arc; use std::time::*; use log_model::*; use stream_store::*; use futures::StreamExt;
fn line(n: u64) -> Recorded { Recorded { ts: Timestamp::from_millis(1_771_754_400_000+n), phase: Some(Phase::new("install").unwrap()), event: LogEvent::Line { source: Source::Stdout, text: SafeText::assume_redacted(format!("npm http fetch GET 200 https://registry.npmjs.org/some-package-{n} 43ms (cache hit) padding")), class: None, cut: None, masked: vec![] } } }
#[tokio::main] async fn main() {
  let args: Vec<String> = std::env::args().collect();
  let path = std::path::PathBuf::from(&args[1]);
  let store: Arc<dyn LogStore> = Arc::new(SqliteStore::open(&path).unwrap());
  if args.len() > 2 { // writer process: one line each 37 ms, text = ns timestamp
    let job = JobId::new("lat").unwrap();
    let w = store.join(&job, &WriterId::new("w").unwrap()).await.unwrap(); let mut n = w.next;
    for _ in 0..200 { tokio::time::sleep(Duration::from_millis(37)).await;
      let mut l = line(0); let ns = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
      l.event = LogEvent::Line { source: Source::Stdout, text: SafeText::assume_redacted(ns.to_string()), class: None, cut: None, masked: vec![] };
      store.append(&job, &Batch { writer: w.id.clone(), fence: w.fence, number: n, events: vec![l] }).await.unwrap(); n += 1; }
    return; }
  let owner = Owner::user(OwnerId::new("u").unwrap());
  for size in [1u64, 16, 64, 100, 1000] {
    let job = JobId::new(&format!("speed-{size}")).unwrap();
    store.open(&job, &owner, Timestamp::default()).await.unwrap();
    let w = store.join(&job, &WriterId::new("w").unwrap()).await.unwrap();
    let total = if size == 1 { 10_000 } else { 200_000 };
    let batches: Vec<_> = (0..total/size).map(|b| Batch { writer: w.id.clone(), fence: w.fence, number: b+1, events: (0..size).map(|i| line(b*size+i)).collect() }).collect();
    let t = Instant::now();
    for b in &batches { store.append(&job, b).await.unwrap(); }
    let e = t.elapsed(); println!("batch {size}: {:.0} lines/s, {:.1} us a call", total as f64/e.as_secs_f64(), e.as_secs_f64()*1e6/(total/size) as f64);
  }
  println!("file {} bytes a line", std::fs::metadata(&path).unwrap().len() / 810_000);
  let job = JobId::new("speed-1000").unwrap();
  let t = Instant::now(); for i in 0..2000u64 { let f = 1 + (i*7919)%199_000; let p = store.read(&job, Span::new(Seq::new(f).unwrap(), Seq::new(f+199).unwrap()).unwrap()).await.unwrap(); assert_eq!(p.len(), 200); }
  println!("page of 200: {:.1} us", t.elapsed().as_secs_f64()*1e6/2000.0);
  let t = Instant::now(); for _ in 0..2000 { store.job(&job).await.unwrap(); } println!("record: {:.1} us", t.elapsed().as_secs_f64()*1e6/2000.0);
  let t = Instant::now(); for _ in 0..2000 { store.ping().await.unwrap(); } println!("ping: {:.1} us", t.elapsed().as_secs_f64()*1e6/2000.0);
  let w = WriterId::new("w").unwrap();
  let t = Instant::now(); for _ in 0..50 { store.confirm(&job, &w, 1).await.unwrap(); } println!("confirm: {:.1} us", t.elapsed().as_secs_f64()*1e6/50.0);
  // latency across processes
  let lat = JobId::new("lat").unwrap(); store.open(&lat, &owner, Timestamp::default()).await.unwrap();
  let head = store.job(&lat).await.unwrap().unwrap().head;
  let mut f = store.follow(&lat, head);
  let mut child = std::process::Command::new(std::env::current_exe().unwrap()).arg(&path).arg("w").spawn().unwrap();
  let mut got = vec![];
  while got.len() < 200 { if let Some(Ok(Change::Entries(es))) = f.next().await { let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos(); for e in es { if let LogEvent::Line { text, .. } = &e.recorded.event { got.push(now - text.as_str().parse::<u128>().unwrap()); } } } }
  child.wait().unwrap(); got.sort(); println!("other process: p50 {:.1} ms p99 {:.1} ms", got[100] as f64/1e6, got[197] as f64/1e6);
  let t = Instant::now(); store.archived(&job, Seq::new(200_000).unwrap()).await.unwrap(); store.forget(&job, Seq::new(200_000).unwrap(), Duration::from_secs(9999)).await.unwrap(); println!("forget 200k: {:.2} s", t.elapsed().as_secs_f64());
  let t = Instant::now(); store.erase(&JobId::new("speed-64").unwrap(), "a", "b", Timestamp::default()).await.unwrap(); println!("erase 200k of 810k: {:.2} s", t.elapsed().as_secs_f64());
  let rss = std::fs::read_to_string("/proc/self/status").unwrap(); for l in rss.lines().filter(|l| l.starts_with("VmHWM")) { println!("{l}"); }
}
