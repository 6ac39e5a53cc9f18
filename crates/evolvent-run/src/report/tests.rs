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
        data: None,
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

fn finished(test: &[f64]) -> Event {
    let estimate = || Estimate { mean: PerObjective(test.to_vec()), repetitions: 1, ..Estimate::default() };
    let mut metrics = Diagnostics::default();
    metrics.add("accuracy", 0.75);
    Event::Finished(Finished {
        best: PerObjective(test.to_vec()),
        generations: 2,
        evaluations: 128,
        episodes: 0,
        steps: 512,
        stopped_by: StoppedBy::Generations,
        reason: None,
        target: None,
        validation: estimate(),
        test: estimate(),
        metrics,
        found_in: 2,
        front: None,
        timing: Timing::default(),
    })
}

#[test]
fn scores_on_data_say_what_they_are_of() {
    for (validation, test, says) in [
        (0, 0, "on the same 140 samples"),
        (30, 0, "flatters it"),
        (0, 30, "chosen by its score on the training samples"),
        (30, 30, "chosen by its score on the validation samples"),
    ] {
        let Event::Started(mut started) = started() else { unreachable!() };
        let data = Data {
            inputs: 4,
            training: 140,
            validation,
            test,
            loss: "cross_entropy".into(),
            ..Data::default()
        };
        started.data = Some(data.clone());
        let page = page(&[Event::Started(started), generation(1, 2.0, 0.1), finished(&[0.25])]);
        assert!(page.contains(says) && !page.contains("measured afresh"), "{page}");
        assert!(page.contains("loss 0.25 (cross_entropy), accuracy 0.75"), "{page}");
        assert!(page.contains(&data.reported_on()), "{page}");
    }
    let none = page(&[started(), finished(&[])]);
    assert!(none.contains("There is no champion"), "{none}");
}

#[test]
fn a_run_is_repeated_from_what_was_resolved() {
    let page = page(&[started()]);
    assert!(page.contains("evolvent run &#39;runs/cart pole&#39;/resolved.toml"), "{page}");
    assert!(!page.contains("config.toml"), "overrides are not in it");
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
