package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Statement.Instruction;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** Parses the body of a function. */
final class BodyParser {
  private final TokenStream in;
  private final Map<Integer, String> files;
  private final Supplier<Statement.Variable> variable;
  private final List<Statement> found = new ArrayList<>();

  /** Source position of the instructions that follow. */
  private String source = "";

  BodyParser(TokenStream in, Map<Integer, String> files, Supplier<Statement.Variable> variable) {
    this.in = in;
    this.files = files;
    this.variable = variable;
  }

  List<Statement> parse() {
    in.expect("{");
    int depth = 1;
    while (depth > 0) {
      if (in.accept("{")) {
        depth++;
        found.add(new Statement.Open());
      } else if (in.accept("}")) {
        depth--;
        found.add(new Statement.Close());
      } else if (!in.accept(";")) {
        statement();
      }
    }
    return found;
  }

  private void statement() {
    String word = in.peek();
    switch (word) {
      case ".loc" -> location();
      case ".pragma" -> {
        in.next();
        in.next();
        in.expect(";");
      }
      case ".reg" -> registers();
      case ".shared", ".local", ".param" -> {
        found.add(new Statement.Declare(variable.get()));
        in.expect(";");
      }
      default -> {
        if (word.startsWith(".")) {
          throw in.error("unknown directive " + word);
        }
        labelOrInstruction();
      }
    }
  }

  /** {@code .loc file line column[, function_name label, inlined_at file line column]}. */
  private void location() {
    in.next();
    StringBuilder text = new StringBuilder(position());
    while (!in.atLineEnd()) {
      in.expect(",");
      in.expect("function_name");
      in.next();
      if (in.accept("+")) {
        in.integer();
      }
      in.expect(",");
      in.expect("inlined_at");
      text.append(" inlined at ").append(position());
    }
    source = text.toString();
  }

  private String position() {
    int file = (int) in.integer();
    long line = in.integer();
    in.integer();
    String name = files.getOrDefault(file, "file " + file);
    return name.substring(name.lastIndexOf('/') + 1) + ":" + line;
  }

  private void registers() {
    int line = in.line();
    in.next();
    String word = in.next();
    PtxType type = PtxType.of(word.substring(1));
    if (type == null) {
      throw in.error("unknown register type " + word);
    }
    do {
      String name = in.next();
      int count = -1;
      if (in.accept("<")) {
        count = (int) in.integer();
        in.expect(">");
      }
      found.add(new Statement.Registers(type, name, count, line));
    } while (in.accept(","));
    in.expect(";");
  }

  private void labelOrInstruction() {
    int line = in.line();
    String guard = null;
    boolean negated = false;
    if (in.accept("@")) {
      negated = in.accept("!");
      guard = in.next();
    }
    String opcode = in.next();
    if (guard == null && in.accept(":")) {
      found.add(
          switch (in.peek()) {
            case ".branchtargets" -> targets(opcode);
            case ".callprototype" -> prototype(opcode);
            default -> new Statement.Label(opcode);
          });
      return;
    }
    List<Operand> operands = new ArrayList<>();
    while (!in.accept(";")) {
      operands.add(operand());
      if (!in.peek().equals(";")) {
        in.expect(",");
      }
    }
    StringBuilder text = new StringBuilder(opcode);
    for (int i = 0; i < operands.size(); i++) {
      text.append(i == 0 ? " " : ", ").append(show(operands.get(i)));
    }
    found.add(new Instruction(line, source, guard, negated, opcode, operands, text.toString()));
  }

  private Statement targets(String name) {
    in.next();
    List<String> labels = new ArrayList<>();
    do {
      labels.add(in.next());
    } while (in.accept(","));
    in.expect(";");
    return new Statement.Targets(name, labels);
  }

  /** {@code (results) _ (parameters)}. */
  private Statement prototype(String name) {
    in.next();
    List<Statement.Variable> results = variables();
    in.expect("_");
    List<Statement.Variable> parameters = variables();
    in.accept(".noreturn");
    in.expect(";");
    return new Statement.Prototype(name, results, parameters);
  }

  private List<Statement.Variable> variables() {
    List<Statement.Variable> list = new ArrayList<>();
    if (in.accept("(")) {
      while (!in.accept(")")) {
        list.add(variable.get());
        in.accept(",");
      }
    }
    return list;
  }

  private Operand operand() {
    if (in.accept("{")) {
      return new Operand.Vector(list("}"));
    }
    if (in.accept("(")) {
      return new Operand.Arguments(list(")"));
    }
    if (in.accept("[")) {
      return address();
    }
    if (in.accept("!")) {
      return new Operand.Not(operand());
    }
    String text = in.peek();
    if (text.equals("-") || Character.isDigit(text.charAt(0))) {
      return in.literal();
    }
    Operand name = new Operand.Name(in.next());
    if (in.accept("|")) {
      return new Operand.Pair(name, operand());
    }
    if (in.accept("+")) {
      return new Operand.Address(name, in.integer());
    }
    return name;
  }

  private Operand address() {
    Operand base =
        Character.isDigit(in.peek().charAt(0)) ? in.literal() : new Operand.Name(in.next());
    long offset = 0;
    if (in.accept("+")) {
      offset = in.integer();
    } else if (in.peek().equals("-")) {
      offset = in.integer();
    }
    in.expect("]");
    return new Operand.Address(base, offset);
  }

  private List<Operand> list(String close) {
    List<Operand> parts = new ArrayList<>();
    while (!in.accept(close)) {
      parts.add(operand());
      if (!in.peek().equals(close)) {
        in.expect(",");
      }
    }
    return parts;
  }

  private static String show(Operand operand) {
    return switch (operand) {
      case Operand.Name n -> n.text();
      case Operand.Literal l ->
          l.kind() == Operand.Literal.Kind.INTEGER
              ? Long.toString(l.bits())
              : "0x" + Long.toHexString(l.bits());
      case Operand.Vector v -> "{" + join(v.parts()) + "}";
      case Operand.Arguments a -> "(" + join(a.parts()) + ")";
      case Operand.Address a ->
          "[" + show(a.base()) + (a.offset() == 0 ? "" : "+" + a.offset()) + "]";
      case Operand.Pair p -> show(p.first()) + "|" + show(p.second());
      case Operand.Not n -> "!" + show(n.of());
    };
  }

  private static String join(List<Operand> parts) {
    return String.join(", ", parts.stream().map(BodyParser::show).toList());
  }
}
