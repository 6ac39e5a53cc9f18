//! Settings whose defaults come from a preset: every field may be `"auto"`.

/// Defines a struct of plain values and its twin for experiment files, where each field is `"auto"` or a value and
/// `resolve` fills the gaps from a preset. One list of fields, one set of docs.
macro_rules! settings {
    (
        $(#[$doc:meta])*
        pub struct $Plain:ident / $Settings:ident {
            $( $(#[$field_doc:meta])* $field:ident : $type:ty ),+ $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Plain { $( $(#[$field_doc])* pub $field: $type ),+ }

        $(#[$doc])*
        ///
        /// Fields left at `"auto"` take the preset's value.
        #[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $Settings { $( $(#[$field_doc])* pub $field: evolvent_core::Auto<$type> ),+ }

        impl $Settings {
            /// The given values, and the preset's where none is given.
            pub fn resolve(&self, preset: $Plain) -> $Plain {
                $Plain { $( $field: self.$field.or(|| preset.$field) ),+ }
            }
        }
    };
}

pub(crate) use settings;
