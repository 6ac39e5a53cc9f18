use super::super::setting::Columns;
use super::*;

fn read(text: &str, spec: CsvSpec) -> Result<Table, DataError> {
    parse(text.as_bytes(), "t.csv", &spec)
}

fn line(error: &DataError) -> (u64, Option<&str>) {
    match &error.place {
        Place::Line { line, column } => (*line, column.as_deref()),
        _ => panic!("{error}"),
    }
}

fn target(columns: &[&str]) -> CsvSpec {
    let columns = columns.iter().map(|&c| Column::Name(c.into())).collect();
    CsvSpec { target: Columns(columns), ..Default::default() }
}

#[test]
fn classes_from_texts() {
    let table =
        parse(include_bytes!("../../../tests/fixtures/csv/classes.csv"), "c", &CsvSpec::default()).unwrap();
    assert_eq!(table.inputs, [1.5, 2.0, -300.0, 4.0, 0.25, 1.0]);
    assert_eq!(table.features, ["length", "width"]);
    let names = vec!["cat".into(), "dog".into()];
    assert_eq!(table.targets, Targets::Classes { labels: vec![0, 1, 0], names });
}

#[test]
fn values_with_a_byte_order_mark_semicolons_and_blank_lines() {
    let table =
        parse(include_bytes!("../../../tests/fixtures/csv/semicolon.csv"), "s", &CsvSpec::default()).unwrap();
    assert_eq!((table.features.as_slice(), table.len()), (&["a".to_owned(), "b".to_owned()][..], 3));
    let names = vec!["y".into()];
    assert_eq!(table.targets, Targets::Values { values: vec![3.5, 6.0, 9.0], dimension: 1, names });
}

#[test]
fn whole_numbers_are_classes_while_few() {
    let few = read("x,y\n1,2\n1,10\n1,2\n", CsvSpec::default()).unwrap();
    let names = vec!["2".into(), "10".into()];
    assert_eq!(few.targets, Targets::Classes { labels: vec![0, 1, 0], names });
    let many: String = (0..21).map(|i| format!("1,{i}\n")).collect();
    let many = read(&format!("x,y\n{many}"), CsvSpec::default()).unwrap();
    assert!(matches!(many.targets, Targets::Values { .. }));
    let spec = CsvSpec { target_kind: TargetKind::Classes, ..Default::default() };
    let spelled = read("x,y\n1,1.0\n1,01\n1,2\n", spec).unwrap();
    let names = vec!["1".into(), "2".into()];
    assert_eq!(spelled.targets, Targets::Classes { labels: vec![0, 0, 1], names });
    let spec = CsvSpec { target_kind: TargetKind::Values, ..Default::default() };
    assert!(matches!(read("x,y\n1,1\n", spec).unwrap().targets, Targets::Values { .. }));
}

#[test]
fn several_targets_and_columns_by_number() {
    let table = read("a,b,c\n1,2,3\n4,5,6\n", target(&["c", "a"])).unwrap();
    assert_eq!(table.inputs, [2.0, 5.0]);
    let names = vec!["c".into(), "a".into()];
    assert_eq!(table.targets, Targets::Values { values: vec![3.0, 1.0, 6.0, 4.0], dimension: 2, names });
    let first = CsvSpec {
        target: Columns(vec![Column::Index(0)]),
        header: false,
        ignore: vec![Column::Index(-1)],
        ..Default::default()
    };
    let table = read("yes|1|x\nno|2|y\n", first).unwrap();
    assert_eq!((table.inputs, table.features), (vec![1.0, 2.0], vec!["number 1".to_owned()]));
}

#[test]
fn categories_become_one_input_each() {
    let spec = CsvSpec { categorical: vec![Column::Name("colour".into())], ..Default::default() };
    let table = read("colour,size,y\nred,1,0.5\nblue,2,1\nred,3,2\n", spec).unwrap();
    assert_eq!(table.features, ["colour=blue", "colour=red", "size"]);
    assert_eq!(table.inputs, [0.0, 1.0, 1.0, 1.0, 0.0, 2.0, 0.0, 1.0, 3.0]);
}

#[test]
fn mistakes_name_line_and_column() {
    let fails = |text: &str| read(text, CsvSpec::default()).unwrap_err();
    let error = fails("x,y\n1,2\n\n\nx,4\n");
    assert_eq!((line(&error), error.kind), ((5, Some("x")), DataErrorKind::BadValue));
    assert!(error.hint.contains("categorical"));
    let error = fails("x,y\r\n1,2\r\n\r\nNA,4\r\n");
    assert_eq!(line(&error), (4, Some("x")));
    assert!(error.hint.contains("missing values"));
    assert_eq!(line(&fails("x,y\n1,2\n3\n")), (3, None));
    assert_eq!(line(&fails("x,y\n1,2\n\"3,4\n5,6\n")), (3, None));
    assert_eq!(line(&fails("x,y\n1e39,2\n")), (2, Some("x")));
    assert_eq!(line(&fails("x,y\ninf,2\n")), (2, Some("x")));
    assert_eq!(line(&fails("x,y\n1,0.5\n2,high\n")), (3, Some("y")));
    assert!(fails("x,y\n1,0.5\n2,high\n").hint.contains("target_kind"));
    assert!(fails("x;y\n\"1,5\";2\n").hint.contains("point"));
    assert_eq!(fails("").found, "an empty file".into());
    assert_eq!(line(&fails("x,y\n")), (1, None));
    assert!(fails("just one column\n1\n").hint.contains("delimiter"));
    assert!(fails("5.1,3.5\n4.9,3.0\n").hint.contains("header = false"));
    assert!(read("0,1\n4.9,3.5\n", CsvSpec::default()).is_ok());
    assert!(parse(b"\xff\xfex\0", "u", &CsvSpec::default()).unwrap_err().hint.contains("UTF-8"));
    assert_eq!(line(&parse(b"x,y\n\xff,1\n", "u", &CsvSpec::default()).unwrap_err()), (2, Some("x")));
}

#[test]
fn columns_that_do_not_exist() {
    let error = read("a,b\n1,2\n", target(&["c"])).unwrap_err();
    assert_eq!(&*error.expected, "a column \"c\" among \"a\", \"b\"");
    assert!(read("a,a,b\n1,2,3\n", target(&["a"])).unwrap_err().hint.contains("number"));
    assert!(read("a,b\n1,2\n", target(&["a", "a"])).is_err());
    let spec = CsvSpec { target: Columns(vec![Column::Index(2)]), ..Default::default() };
    assert!(read("a,b\n1,2\n", spec).is_err());
    let spec = CsvSpec { target: Columns(vec![Column::Index(i64::MIN)]), ..Default::default() };
    assert!(read("a,b\n1,2\n", spec).is_err());
}

#[test]
fn too_many_categories_are_refused() {
    let rows: String = (0..=MAX_CATEGORIES).map(|i| format!("name{i},1\n")).collect();
    let spec = CsvSpec { categorical: vec![Column::Index(0)], ..Default::default() };
    let error = read(&format!("who,y\n{rows}"), spec).unwrap_err();
    assert!(error.hint.contains("ignore"), "{error}");
}

#[test]
fn a_test_file_takes_over_classes_and_columns() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let training = write("a.csv", "x,y\n1,cat\n2,dog\n3,eel\n");
    let test = write("b.csv", "x,y\n4,eel\n5,dog\n");
    let spec = CsvSpec::default();
    let (_, table) = open(&training, Some(&test), &spec, &Limits::default()).unwrap();
    let table = table.unwrap();
    assert_eq!(table.inputs, [4.0, 5.0]);
    assert!(matches!(table.targets, Targets::Classes { labels, .. } if labels == [2, 1]));
    let stranger = write("c.csv", "x,y\n4,fox\n");
    let error = open(&training, Some(&stranger), &spec, &Limits::default()).unwrap_err();
    assert_eq!(line(&error), (2, Some("y")));
    let other = write("d.csv", "z,y\n4,cat\n");
    let error = open(&training, Some(&other), &spec, &Limits::default()).unwrap_err();
    assert!(error.file.ends_with("d.csv") && line(&error) == (1, None), "{error}");
}
