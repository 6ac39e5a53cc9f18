//! Errors as people read them: each mistake with the line it is in, underlined, and what to try.

use evolvent_run::{
    Error,
    experiment::{Mistake, Mistakes},
};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use std::{error, fmt, io::IsTerminal};

/// One thing that is wrong, in the form that the renderer reads.
#[derive(Debug)]
struct Shown {
    message: String,
    label: Option<LabeledSpan>,
    source: Option<NamedSource<String>>,
    hint: Option<String>,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl error::Error for Shown {}

impl Diagnostic for Shown {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.label.clone().map(|label| Box::new(std::iter::once(label)) as Box<dyn Iterator<Item = _>>)
    }
}

/// The whole message for an error, ending with a newline. Colours only where a terminal reads it.
pub(crate) fn of(error: &Error) -> String {
    let handler = handler();
    match error {
        Error::Experiment(mistakes) => {
            let all = mistakes.list.iter().map(|mistake| render(&handler, &shown(mistake, mistakes)));
            all.collect::<Vec<_>>().join("\n")
        }
        Error::Input { place, expected, found, hint } => {
            let message = format!("{place}: expected {expected}, found {found}");
            render(&handler, &Shown { message, label: None, source: None, hint: hint.clone() })
        }
        other => {
            render(&handler, &Shown { message: other.to_string(), label: None, source: None, hint: None })
        }
    }
}

fn shown(mistake: &Mistake, mistakes: &Mistakes) -> Shown {
    let path = if mistake.path.is_empty() { String::new() } else { format!("{}: ", mistake.path) };
    match &mistake.place {
        Some(place) => Shown {
            message: format!("{}:{}:{}: {path}{}", mistakes.file, place.line, place.column, mistake.message),
            label: Some(LabeledSpan::underline(place.span.start..place.span.end)),
            source: Some(NamedSource::new(&mistakes.file, mistakes.text.clone())),
            hint: mistake.hint.clone(),
        },
        None => {
            let given = mistake.given_by.as_ref().map(|given| format!("--set {given}"));
            let place = given.unwrap_or_else(|| mistakes.file.clone());
            let message = format!("{place}: {path}{}", mistake.message);
            Shown { message, label: None, source: None, hint: mistake.hint.clone() }
        }
    }
}

fn handler() -> GraphicalReportHandler {
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let theme = if coloured { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    // One width for all terminals: messages look the same in a log.
    GraphicalReportHandler::new_themed(theme).with_width(110).with_links(false)
}

fn render(handler: &GraphicalReportHandler, shown: &Shown) -> String {
    let mut text = String::new();
    if handler.render_report(&mut text, shown).is_err() {
        text = format!("{shown}\n");
    }
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
