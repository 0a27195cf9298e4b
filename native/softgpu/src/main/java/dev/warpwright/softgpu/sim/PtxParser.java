package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Statement.Function;
import dev.warpwright.softgpu.sim.Statement.Variable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Parses the module level: directives, variables and function headers. */
final class PtxParser {
  final Map<String, Function> functions = new LinkedHashMap<>();
  final List<Variable> variables = new ArrayList<>();
  final Map<Integer, String> files = new LinkedHashMap<>();
  String target = "";

  private final TokenStream in;

  private PtxParser(String module, String text) {
    in = new TokenStream(module, PtxLexer.tokens(module, text));
  }

  static PtxParser parse(String module, String text) {
    PtxParser parser = new PtxParser(module, text);
    parser.collectFiles();
    while (!parser.in.atEnd()) {
      parser.directive();
    }
    return parser;
  }

  /** nvcc writes the file table at the end. */
  private void collectFiles() {
    while (!in.atEnd()) {
      if (in.accept(".file")) {
        int number = (int) in.integer();
        files.put(number, in.next().replace("\"", ""));
      } else {
        in.next();
      }
    }
    in.rewind();
  }

  private void directive() {
    String word = in.peek();
    switch (word) {
      case ".version" -> {
        in.next();
        String version = in.next();
        if (!version.matches("[6-9]\\.\\d")) {
          throw in.error("PTX version " + version + " is unknown; 6.0 to 9.9 are read");
        }
      }
      case ".target" -> {
        in.next();
        target = in.next();
        in.skipLine();
      }
      case ".address_size" -> {
        in.next();
        if (in.integer() != 64) {
          throw in.error("only 64-bit addresses are simulated");
        }
      }
      case ".file" -> in.skipLine();
      case ".section" -> {
        in.next();
        in.next();
        in.skipBraces();
      }
      case ".visible", ".weak", ".extern", ".common" -> {
        in.next();
      }
      case ".entry", ".func" -> function();
      case ".global", ".const", ".shared" -> {
        do {
          variables.add(variable());
        } while (in.accept(","));
        in.expect(";");
      }
      default -> throw in.error("unknown directive " + word);
    }
  }

  private void function() {
    int line = in.line();
    boolean entry = in.next().equals(".entry");
    List<Variable> results = List.of();
    if (in.peek().equals("(")) {
      results = parameters();
    }
    String name = in.next();
    List<Variable> parameters = in.peek().equals("(") ? parameters() : List.of();
    int maxThreads = 1024;
    while (in.peek().startsWith(".")) {
      String property = in.next();
      switch (property) {
        case ".maxntid", ".reqntid" -> {
          maxThreads = (int) in.integer();
          while (in.accept(",")) {
            maxThreads *= (int) in.integer();
          }
        }
        case ".minnctapersm", ".maxnreg", ".maxnctapersm" -> in.integer();
        case ".noreturn" -> {}
        default -> throw in.error("unknown property " + property + " of " + name);
      }
    }
    List<Statement> body = null;
    if (!in.accept(";")) {
      body = new BodyParser(in, files, this::variable).parse();
    }
    Function old = functions.get(name);
    if (old == null || old.body() == null) {
      functions.put(name, new Function(name, entry, results, parameters, maxThreads, body, line));
    } else if (body != null) {
      throw in.error(name + " is defined twice");
    }
  }

  private List<Variable> parameters() {
    in.expect("(");
    List<Variable> found = new ArrayList<>();
    while (!in.accept(")")) {
      found.add(variable());
      if (!in.peek().equals(")")) {
        in.expect(",");
      }
    }
    return found;
  }

  /** A declaration from its space to before the semicolon. */
  private Variable variable() {
    int line = in.line();
    String space = in.next().substring(1);
    int align = 0;
    PtxType type = null;
    while (in.peek().startsWith(".")) {
      String word = in.next().substring(1);
      switch (word) {
        case "align" -> align = (int) in.integer();
        case "ptr", "global", "const", "shared", "attribute", "managed" -> {
          if (word.equals("attribute")) {
            throw in.error("unknown attribute of a variable");
          }
        }
        default -> {
          type = PtxType.of(word);
          if (type == null || type == PtxType.PRED) {
            throw in.error("unknown type ." + word + " of a variable");
          }
        }
      }
    }
    if (type == null) {
      throw in.error("a variable without type");
    }
    String name = in.next();
    long count = 1;
    boolean open = false;
    while (in.accept("[")) {
      if (in.peek().equals("]")) {
        open = true;
      } else {
        count *= in.integer();
      }
      in.expect("]");
    }
    byte[] initial = null;
    Map<Integer, String> pointers = new LinkedHashMap<>();
    if (in.accept("=")) {
      initial = initialiser(type, (int) (count * type.bytes), pointers);
    }
    long bytes = open ? -1 : count * type.bytes;
    return new Variable(
        space, name, type, Math.max(align, type.bytes), bytes, initial, pointers, line);
  }

  private byte[] initialiser(PtxType type, int bytes, Map<Integer, String> pointers) {
    byte[] data = new byte[bytes];
    int at = 0;
    int depth = 0;
    do {
      if (in.accept("{")) {
        depth++;
      } else if (in.accept("}")) {
        depth--;
      } else if (isName(in.peek())) {
        if (type.bytes != Long.BYTES) {
          throw in.error("an address in ." + type.text);
        }
        pointers.put(at, address());
        at += type.bytes;
      } else if (!in.accept(",")) {
        long bits = in.literal().bits();
        for (int b = 0; b < type.bytes; b++) {
          data[at++] = (byte) (bits >> (8 * b));
        }
      }
    } while (depth > 0);
    return data;
  }

  private static boolean isName(String word) {
    return Character.isJavaIdentifierStart(word.charAt(0));
  }

  /** A function or variable, whose address may be generic. */
  private String address() {
    String name = in.next();
    if (name.equals("generic")) {
      in.expect("(");
      name = in.next();
      in.expect(")");
    }
    return name;
  }
}
