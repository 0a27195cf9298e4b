package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.PtxLexer.Token;
import java.util.List;

/** Tokens with a position. Line ends are skipped except where a directive ends with its line. */
final class TokenStream {
  private final String module;
  private final List<Token> tokens;
  private int at;

  TokenStream(String module, List<Token> tokens) {
    this.module = module;
    this.tokens = tokens;
  }

  void rewind() {
    at = 0;
  }

  private void skipEnds() {
    while (tokens.get(at).text().equals("\n")) {
      at++;
    }
  }

  boolean atEnd() {
    return peek().isEmpty();
  }

  String peek() {
    skipEnds();
    return tokens.get(at).text();
  }

  int line() {
    skipEnds();
    return tokens.get(at).line();
  }

  String next() {
    String text = peek();
    if (text.isEmpty()) {
      throw error("unexpected end");
    }
    at++;
    return text;
  }

  boolean accept(String text) {
    if (!peek().equals(text)) {
      return false;
    }
    at++;
    return true;
  }

  void expect(String text) {
    if (!accept(text)) {
      throw error("expected '" + text + "' before '" + peek() + "'");
    }
  }

  /** Whether the rest of the line is empty. */
  boolean atLineEnd() {
    String text = tokens.get(at).text();
    return text.equals("\n") || text.isEmpty();
  }

  void skipLine() {
    while (!atLineEnd()) {
      at++;
    }
  }

  void skipBraces() {
    expect("{");
    int depth = 1;
    while (depth > 0) {
      String text = next();
      if (text.equals("{")) {
        depth++;
      } else if (text.equals("}")) {
        depth--;
      }
    }
  }

  long integer() {
    Operand.Literal literal = literal();
    if (literal.kind() != Operand.Literal.Kind.INTEGER) {
      throw error("an integer is expected");
    }
    return literal.bits();
  }

  Operand.Literal literal() {
    boolean negative = accept("-");
    String text = next();
    try {
      if (text.startsWith("0f") || text.startsWith("0F")) {
        long bits = Integer.parseUnsignedInt(text.substring(2), 16);
        return new Operand.Literal(negative ? bits ^ (1L << 31) : bits, Operand.Literal.Kind.F32);
      }
      if (text.startsWith("0d") || text.startsWith("0D")) {
        long bits = Long.parseUnsignedLong(text.substring(2), 16);
        return new Operand.Literal(
            negative ? bits ^ Long.MIN_VALUE : bits, Operand.Literal.Kind.F64);
      }
      String digits = text.endsWith("U") ? text.substring(0, text.length() - 1) : text;
      long value;
      if (digits.startsWith("0x") || digits.startsWith("0X")) {
        value = Long.parseUnsignedLong(digits.substring(2), 16);
      } else if (digits.startsWith("0b")) {
        value = Long.parseUnsignedLong(digits.substring(2), 2);
      } else if (digits.length() > 1 && digits.startsWith("0")) {
        value = Long.parseUnsignedLong(digits, 8);
      } else {
        value = Long.parseUnsignedLong(digits);
      }
      return new Operand.Literal(negative ? -value : value, Operand.Literal.Kind.INTEGER);
    } catch (NumberFormatException e) {
      throw error("'" + text + "' is not a literal that is known here");
    }
  }

  PtxException error(String message) {
    int line = tokens.get(Math.min(at, tokens.size() - 1)).line();
    return new PtxException(module, line, message);
  }
}
