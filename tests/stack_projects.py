"""A small real project for each stack, its own test command, its language server, and what stands in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    files: Mapping[str, str]
    test: str  # the stack's own test command, in a shell
    server: tuple[str, ...]  # language server on standard input and output; () where the distribution has none
    says: str  # in the output of the test command


SAMPLES: Mapping[str, Sample] = {
    "rust": Sample(
        {
            "Cargo.toml": '[package]\nname = "sample"\nversion = "0.1.0"\nedition = "2021"\n',
            "src/lib.rs": "pub fn two() -> i32 {\n    2\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n"
            "    fn it_is_two() {\n        assert_eq!(super::two(), 2);\n    }\n}\n",
        },
        "cargo test --offline 2>&1 && cargo fmt --check && cargo clippy --offline -q",
        ("rust-analyzer",),
        "1 passed",
    ),
    "node": Sample(
        {
            "package.json": '{"name": "sample", "type": "module", "scripts": {"test": "node --test"}}\n',
            "two.js": "export const two = () => 2;\n",
            "two.test.js": 'import test from "node:test";\nimport assert from "node:assert";\n'
            'import { two } from "./two.js";\n\ntest("it is two", () => assert.equal(two(), 2));\n',
        },
        "npm test 2>&1 && prettier --check '*.js'",
        ("typescript-language-server", "--stdio"),
        "pass 1",
    ),
    "go": Sample(
        {
            "go.mod": "module example.org/sample\n\ngo 1.24\n",
            "two.go": "package sample\n\nfunc Two() int {\n\treturn 2\n}\n",
            "two_test.go": 'package sample\n\nimport "testing"\n\nfunc TestTwo(t *testing.T) {\n'
            '\tif Two() != 2 {\n\t\tt.Fatal("not two")\n\t}\n}\n',
        },
        'go test -v ./... 2>&1 && test -z "$(gofmt -l .)"',
        ("gopls", "serve"),
        "--- PASS: TestTwo",
    ),
    "python": Sample(
        {
            "pyproject.toml": '[project]\nname = "sample"\nversion = "0.1"\n',
            "two.py": "def two() -> int:\n    return 2\n",
            "test_two.py": "from two import two\n\n\ndef test_it_is_two() -> None:\n    assert two() == 2\n",
        },
        "pytest -q -p no:cacheprovider && ruff check . && ruff format --check .",
        ("basedpyright-langserver", "--stdio"),
        "1 passed",
    ),
    "ruby": Sample(
        {
            "Gemfile": "# frozen_string_literal: true\n\nsource 'https://example.org'\n",
            "two.rb": "# frozen_string_literal: true\n\ndef two = 2\n",
            "two_test.rb": "# frozen_string_literal: true\n\nrequire 'minitest/autorun'\nrequire_relative 'two'\n\n"
            "class TwoTest < Minitest::Test\n  def test_it_is_two = assert_equal(2, two)\nend\n",
        },
        "ruby two_test.rb && rubocop --version",
        (),
        "1 assertions, 0 failures",
    ),
    "jvm": Sample(
        {
            "pom.xml": "<project><modelVersion>4.0.0</modelVersion><groupId>g</groupId><artifactId>a</artifactId>"
            "<version>1</version></project>\n",
            "Two.java": "public class Two { static int two() { return 2; } }\n",
            "TwoTest.java": "import static org.junit.Assert.*;\nimport org.junit.Test;\n\npublic class TwoTest {\n"
            "    @Test public void itIsTwo() { assertEquals(2, Two.two()); }\n}\n",
        },
        # Maven itself would fetch its plugins from a server that is not there.
        "cp=/usr/share/java/junit4.jar:/usr/share/java/hamcrest.jar:/tmp; javac -d /tmp -cp $cp *.java "
        "&& java -cp $cp org.junit.runner.JUnitCore TwoTest && mvn --version",
        (),
        "OK (1 test)",
    ),
}
