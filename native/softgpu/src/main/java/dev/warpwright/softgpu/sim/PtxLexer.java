package dev.warpwright.softgpu.sim;

import java.util.ArrayList;
import java.util.List;

/** Splits PTX text into tokens. */
final class PtxLexer {
  /** A word, number, quoted string or single character, with its line. */
  record Token(String text, int line) {}

  private final String module;
  private final String text;
  private final List<Token> tokens = new ArrayList<>();
  private int at;
  private int line = 1;

  private PtxLexer(String module, String text) {
    this.module = module;
    this.text = text;
  }

  static List<Token> tokens(String module, String text) {
    PtxLexer lexer = new PtxLexer(module, text);
    lexer.run();
    return lexer.tokens;
  }

  private char peek(int ahead) {
    return at + ahead < text.length() ? text.charAt(at + ahead) : '\0';
  }

  private void run() {
    while (at < text.length()) {
      char c = text.charAt(at);
      if (c == '\n') {
        // The end of a line ends .loc and .file, which have no semicolon.
        tokens.add(new Token("\n", line++));
        at++;
      } else if (c <= ' ') {
        at++;
      } else if (c == '/' && peek(1) == '/') {
        while (at < text.length() && text.charAt(at) != '\n') {
          at++;
        }
      } else if (c == '/' && peek(1) == '*') {
        comment();
      } else if (c == '"') {
        quoted();
      } else if (isWord(c)) {
        word();
      } else if ("{}[](),;:<>=+-!@|*".indexOf(c) >= 0) {
        tokens.add(new Token(String.valueOf(c), line));
        at++;
      } else if (c == '\0') {
        at++;
      } else {
        throw new PtxException(module, line, "unexpected character '" + c + "'");
      }
    }
    tokens.add(new Token("", line));
  }

  private void comment() {
    int end = text.indexOf("*/", at + 2);
    if (end < 0) {
      throw new PtxException(module, line, "comment without end");
    }
    for (; at < end + 2; at++) {
      if (text.charAt(at) == '\n') {
        line++;
      }
    }
  }

  private void quoted() {
    int end = text.indexOf('"', at + 1);
    if (end < 0) {
      throw new PtxException(module, line, "string without end");
    }
    tokens.add(new Token(text.substring(at, end + 1), line));
    at = end + 1;
  }

  private static boolean isWord(char c) {
    return (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9')
        || c == '_'
        || c == '$'
        || c == '%'
        || c == '.';
  }

  private void word() {
    int start = at;
    boolean directive = text.charAt(at) == '.';
    while (at < text.length()) {
      if (directive && at > start && text.charAt(at) == '.') {
        // nvcc also writes ".reg.b16".
        break;
      } else if (isWord(text.charAt(at))) {
        at++;
      } else if (text.charAt(at) == ':' && peek(1) == ':') {
        at += 2;
      } else {
        break;
      }
    }
    tokens.add(new Token(text.substring(start, at), line));
  }
}
