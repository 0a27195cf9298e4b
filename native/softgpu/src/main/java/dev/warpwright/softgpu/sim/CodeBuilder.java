package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Instr.Kind;
import dev.warpwright.softgpu.sim.Statement.Function;
import dev.warpwright.softgpu.sim.Statement.Instruction;
import dev.warpwright.softgpu.sim.Statement.Variable;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Turns a kernel into code. Functions are expanded at each call, with registers and local variables
 * of their own: calls need no frames, and lanes that diverge inside one are treated like any
 * others.
 */
final class CodeBuilder {
  /** A register: class, first element and width in bits (1 for a predicate). */
  record Register(int slot, int bits) {}

  /**
   * What a name stands for in an address or a mov.
   *
   * @param variable of the module: its address is known when the module has its memory
   */
  record Symbol(Space space, long address, @Nullable String variable) {}

  /** A function being expanded. */
  private static final class Frame {
    final Function function;
    final Map<String, Integer> labels = new HashMap<>();
    final Map<Instr, String> jumps = new LinkedHashMap<>();
    final Deque<Map<String, Object>> scopes = new ArrayDeque<>();

    Frame(Function function) {
      this.function = function;
      scopes.push(new HashMap<>());
    }
  }

  private static final String END = "\0end";

  final ModuleText module;
  private final List<Instr> instructions = new ArrayList<>();
  private final Deque<Frame> frames = new ArrayDeque<>();
  private final Registers registers = new Registers();
  private final SharedLayout shared;
  private int localBytes;

  private CodeBuilder(ModuleText module, Function kernel) {
    this.module = module;
    shared = new SharedLayout(module, kernel);
  }

  static Code build(ModuleText module, Function kernel) {
    CodeBuilder builder = new CodeBuilder(module, kernel);
    Map<String, Object> parameters = new HashMap<>();
    int offset = 0;
    for (Variable parameter : kernel.parameters()) {
      offset = align(offset, parameter.align());
      parameters.put(parameter.name(), new Symbol(Space.PARAM, offset, null));
      offset += (int) parameter.bytes();
    }
    builder.expand(kernel, parameters);
    Instr end = new Instr();
    end.kind = Kind.EXIT;
    end.line = kernel.line();
    end.text = "end of " + kernel.name();
    builder.instructions.add(end);
    return builder.finish(kernel.name());
  }

  static int align(int offset, int to) {
    return (offset + to - 1) / to * to;
  }

  private Code finish(String name) {
    for (int i = 0; i < instructions.size(); i++) {
      instructions.get(i).index = i;
    }
    return new Code(
        name,
        instructions.toArray(new Instr[0]),
        registers.narrowStart(),
        registers.wideStart(),
        registers.predicates(),
        registers.specials(),
        registers.relocations(),
        shared.names(),
        shared.bytes(),
        // Lanes' parts follow each other and stay aligned.
        align(localBytes, 16));
  }

  private void expand(Function function, Map<String, Object> parameters) {
    for (Frame frame : frames) {
      if (frame.function == function) {
        throw module.error(function.line(), "recursive call of " + function.name());
      }
    }
    Frame frame = new Frame(function);
    frame.scopes.element().putAll(parameters);
    frames.push(frame);
    List<Statement> body = function.body();
    if (body == null) {
      throw module.error(function.line(), "no body of function " + function.name());
    }
    for (Statement statement : body) {
      translate(frame, statement);
    }
    frame.labels.put(END, instructions.size());
    frame.jumps.forEach(
        (instr, label) -> {
          Integer target = frame.labels.get(label);
          if (target == null) {
            throw module.error(instr.line, "unknown label " + label);
          }
          instr.target = target;
        });
    frames.pop();
  }

  private void translate(Frame frame, Statement statement) {
    switch (statement) {
      case Statement.Open o -> frame.scopes.push(new HashMap<>());
      case Statement.Close c -> frame.scopes.pop();
      case Statement.Label label -> frame.labels.put(label.name(), instructions.size());
      case Statement.Registers r -> {
        Map<String, Object> scope = frame.scopes.element();
        if (r.count() < 0) {
          scope.put(r.name(), registers.add(r.type()));
        }
        for (int i = 0; i < r.count(); i++) {
          scope.put(r.name() + i, registers.add(r.type()));
        }
      }
      case Statement.Declare declare -> declare(frame, declare.variable());
      case Instruction instruction -> instruction(frame, instruction);
    }
  }

  private void declare(Frame frame, Variable variable) {
    if (variable.space().equals("shared")) {
      return;
    }
    localBytes = align(localBytes, variable.align());
    frame.scopes.element().put(variable.name(), new Symbol(Space.LOCAL, localBytes, null));
    localBytes += (int) variable.bytes();
  }

  private void instruction(Frame frame, Instruction text) {
    Instr instr = new Instr();
    instr.line = text.line();
    instr.source = text.source();
    instr.text = text.text();
    if (text.guard() != null) {
      instr.guard = predicate(text.guard(), text.line());
      instr.negated = text.negated();
    }
    Form form = new Form(this, text, instr);
    switch (form.base) {
      case "bra" -> {
        form.take("uni");
        jump(frame, instr, form.name(0));
      }
      case "ret" -> {
        form.take("uni");
        if (frames.size() == 1) {
          exit(instr);
        } else {
          jump(frame, instr, END);
        }
      }
      case "exit" -> exit(instr);
      case "call" -> {
        form.take("uni");
        call(form);
        form.finish();
        return;
      }
      default -> Decoder.decode(form);
    }
    form.finish();
    instructions.add(instr);
  }

  private static void exit(Instr instr) {
    instr.kind = Kind.EXIT;
    instr.group = Instr.Group.CONTROL;
  }

  private static void jump(Frame frame, Instr instr, String label) {
    instr.kind = Kind.BRANCH;
    instr.group = Instr.Group.CONTROL;
    frame.jumps.put(instr, label);
  }

  /** A guarded call is jumped over; the callee's parameters are the caller's variables. */
  private void call(Form form) {
    int at = 0;
    List<Operand> results = List.of();
    if (form.operands.get(at) instanceof Operand.Arguments a) {
      results = a.parts();
      at++;
    }
    String name = form.name(at++);
    List<Operand> arguments = List.of();
    if (at < form.operands.size() && form.operands.get(at) instanceof Operand.Arguments a) {
      arguments = a.parts();
    }
    if (at + 1 < form.operands.size()) {
      throw form.refuse("indirect calls are not simulated");
    }
    if (SystemCalls.isKnown(name)) {
      form.instr.action =
          SystemCalls.action(
              form,
              name,
              arguments.stream().map(form::symbol).toList(),
              results.stream().map(form::symbol).toList());
      form.instr.group = Instr.Group.CONTROL;
      instructions.add(form.instr);
      return;
    }
    Function function = module.function(name);
    if (function == null || function.body() == null) {
      throw form.refuse("call of " + name + ", which is not defined here");
    }
    if (function.parameters().size() != arguments.size()
        || function.results().size() != results.size()) {
      throw form.refuse("call of " + name + " with another number of arguments");
    }
    Map<String, Object> symbols = new HashMap<>();
    for (int i = 0; i < arguments.size(); i++) {
      symbols.put(function.parameters().get(i).name(), form.symbol(arguments.get(i)));
    }
    for (int i = 0; i < results.size(); i++) {
      symbols.put(function.results().get(i).name(), form.symbol(results.get(i)));
    }
    Instr over = form.instr;
    if (over.guard >= 0) {
      over.kind = Kind.BRANCH;
      over.negated = !over.negated;
      instructions.add(over);
    }
    over.group = Instr.Group.CONTROL;
    expand(function, symbols);
    over.target = instructions.size();
  }

  @Nullable Object lookup(String name) {
    for (Map<String, Object> scope : frames.element().scopes) {
      Object found = scope.get(name);
      if (found != null) {
        return found;
      }
    }
    Symbol place = shared.find(name);
    return place != null ? place : module.global(name);
  }

  int predicate(String name, int line) {
    if (lookup(name) instanceof Register r && r.bits() == 1) {
      return r.slot();
    }
    throw module.error(line, name + " is not a predicate register");
  }

  /** A fresh register for an intermediate result. */
  int scratch() {
    return registers.scratch();
  }

  /** A register that always holds a value. */
  int constant(int value) {
    return registers.constant(value);
  }

  /** A 64-bit register that always holds a value. */
  int wideConstant(long value) {
    return registers.wideConstant(value);
  }

  /** A 64-bit register that always holds an address. */
  int addressOf(Symbol symbol, long offset) {
    return symbol.variable() == null
        ? wideConstant(symbol.address() + offset)
        : registers.addressOf(symbol, offset);
  }

  /** The register that holds a special register, or -1 if there is none of that name. */
  int special(String name) {
    return registers.special(name);
  }
}
