//! Errors as people read them: each mistake with the line it is in, underlined, and what to try.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, renderer::DecorStyle};
use evolvent_run::{
    Error,
    experiment::{Mistake, Mistakes},
};
use std::io::IsTerminal;

/// The whole message for an error, ending with a newline. Colours only where a terminal reads it.
pub(crate) fn of(error: &Error) -> String {
    let renderer = renderer();
    match error {
        Error::Experiment(mistakes) => {
            let all = mistakes.list.iter().map(|mistake| of_mistake(&renderer, mistake, mistakes));
            all.collect::<Vec<_>>().join("\n")
        }
        Error::Input { place, expected, found, hint } => {
            let message = format!("{place}: expected {expected}, found {found}");
            render(&renderer, &message, None, hint.as_deref())
        }
        other => render(&renderer, &other.to_string(), None, None),
    }
}

fn of_mistake(renderer: &Renderer, mistake: &Mistake, mistakes: &Mistakes) -> String {
    let path = if mistake.path.is_empty() { String::new() } else { format!("{}: ", mistake.path) };
    let hint = mistake.hint.as_deref();
    match &mistake.place {
        Some(place) => {
            let message =
                format!("{}:{}:{}: {path}{}", mistakes.file, place.line, place.column, mistake.message);
            let end = place.span.end.min(mistakes.text.len());
            let annotation = AnnotationKind::Primary.span(place.span.start.min(end)..end);
            let snippet = Snippet::source(&mistakes.text).annotation(annotation);
            render(renderer, &message, Some(snippet), hint)
        }
        None => {
            let given = mistake.given_by.as_ref().map(|given| format!("--set {given}"));
            let place = given.unwrap_or_else(|| mistakes.file.clone());
            render(renderer, &format!("{place}: {path}{}", mistake.message), None, hint)
        }
    }
}

fn renderer() -> Renderer {
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
    renderer.decor_style(DecorStyle::Unicode)
}

fn render(
    renderer: &Renderer,
    message: &str,
    snippet: Option<Snippet<'_, annotate_snippets::Annotation<'_>>>,
    hint: Option<&str>,
) -> String {
    let mut group = Group::with_title(Level::ERROR.primary_title(message));
    if let Some(snippet) = snippet {
        group = group.element(snippet);
    }
    if let Some(hint) = hint {
        group = group.element(Level::HELP.message(hint));
    }
    let mut text = renderer.render(&[group]);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_run::experiment::Place;

    #[test]
    fn a_mistake_with_its_line() {
        let text = "[algorithm.open_es]\nsigma = -0.1\n";
        let mistakes = Mistakes {
            file: "x.toml".into(),
            text: text.into(),
            list: vec![Mistake {
                path: "algorithm.open_es.sigma".into(),
                place: Some(Place::of(text, 28..32)),
                given_by: None,
                message: "expected a finite number above 0, found -0.1".into(),
                hint: Some("0.1 is a good start".into()),
            }],
        };
        let message = of(&Error::Experiment(Box::new(mistakes)));
        for part in ["x.toml:2:9: algorithm.open_es.sigma: expected", "sigma = -0.1", "0.1 is a good start"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
