use super::*;
use crate::record::{PerObjective, Timing};
use evolvent_core::Diagnostics;

fn started() -> Event {
    Event::Started(Started {
        version: 1,
        evolvent: "0.1.0".into(),
        numeric_level: "fma8".into(),
        seed: 1,
        problem: "cart_pole".into(),
        network: Some("dense".into()),
        algorithm: "open_es".into(),
        genome: "vector".into(),
        dimension: Some(226),
        senses: vec![Sense::Maximize],
        constraints: 0,
        timing: Timing { seconds: 0.0, unix: 1_764_000_000.0, threads: Some(2) },
    })
}

fn generation(number: u64, mean: f64, sigma: f64) -> Event {
    let mut diagnostics = Diagnostics::default();
    diagnostics.add("sigma", sigma);
    Event::Generation(Generation {
        generation: number,
        evaluations: 64 * number,
        episodes: 512 * number,
        steps: 20_000 * number,
        best: PerObjective(vec![(mean * 1.6).min(500.0)]),
        mean: PerObjective(vec![mean]),
        std: PerObjective(vec![mean * 0.3]),
        median: PerObjective(vec![mean]),
        failures: 0,
        failure: None,
        infeasible: None,
        diagnostics,
        groups: Vec::new(),
        timing: Timing { seconds: 0.002 * number as f64, unix: 0.0, threads: None },
    })
}

fn page(events: &[Event]) -> String {
    let run = Run::new("cart<pole".into(), "runs/cart pole".into(), events);
    run.page("[run]\n# <given>\n", "[run]\ntarget = 475.0\n")
}

#[test]
fn a_page_about_nothing_yet() {
    for events in [&[][..], &[started()]] {
        let page = page(events);
        assert!(page.contains("No generation has finite values yet") && page.contains("cart&lt;pole"));
        assert!(page.contains("evolvent resume &#39;runs/cart pole&#39;"));
    }
}

#[test]
fn what_is_no_number_is_not_drawn() {
    let mut events = vec![started()];
    events.extend(
        [20.0, f64::NAN, f64::INFINITY, 400.0].iter().zip(1..).map(|(&m, n)| generation(n, m, f64::NAN)),
    );
    let page = page(&events);
    assert!(!page.contains("NaN") && !page.contains("inf\""), "{page}");
    assert!(page.contains("&lt;given&gt;") && page.contains(">target<"));
}

#[test]
fn a_later_generation_takes_back_an_end() {
    let stopped = Event::Stopped(Stopped {
        generation: 1,
        evaluations: 64,
        stopped_by: StoppedBy::Interrupted,
        reason: None,
        timing: Timing::default(),
    });
    let events = [started(), generation(1, 20.0, 0.1), stopped];
    assert!(page(&events).contains("interrupted, can be resumed"));
    let events = [events.to_vec(), vec![generation(2, 30.0, 0.1)]].concat();
    assert!(page(&events).contains("still running"));
}

#[test]
fn dates_by_hand() {
    assert_eq!(utc(0.0), "1970-01-01 00:00 UTC");
    assert_eq!(utc(951_827_696.0), "2000-02-29 12:34 UTC");
    assert_eq!(utc(4_107_542_400.0), "2100-03-01 00:00 UTC");
    assert_eq!(utc(f64::NAN), "unknown");
}
