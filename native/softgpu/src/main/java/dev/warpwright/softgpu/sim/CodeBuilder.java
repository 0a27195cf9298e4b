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
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Turns a kernel into code. Functions are expanded at each call, with registers and local variables
 * of their own: calls need no frames, and lanes that diverge inside one are treated like any
 * others. Only those that {@link CallGraph} finds are called.
 */
final class CodeBuilder {
  /** A register: class, first element and width in bits (1 for a predicate). */
  record Register(int slot, int bits) {}

  /**
   * What a name stands for in an address or a mov.
   *
   * @param variable of the module: its address is known when the module has its memory
   * @param frame in which it lies: its address is known when the function is called
   */
  record Symbol(Space space, long address, @Nullable String variable, @Nullable Callee frame) {
    Symbol(Space space, long address) {
      this(space, address, null, null);
    }

    /** Whether the address is known now. */
    boolean isFixed() {
      return variable == null && frame == null;
    }
  }

  /** A function being expanded. */
  private static final class Frame {
    final Map<String, Integer> labels = new HashMap<>();
    final List<Jump> jumps = new ArrayList<>();
    final Deque<Map<String, Object>> scopes = new ArrayDeque<>();

    Frame() {
      scopes.push(new HashMap<>());
    }
  }

  /** A use of a label, which may come later. */
  private record Jump(String label, int line, IntConsumer target) {}

  private static final String END = "\0end";

  /** Bytes for the frames of a thread. */
  private static final int STACK = 16 << 10;

  final ModuleText module;
  private final List<Instr> instructions = new ArrayList<>();
  private final Deque<Frame> frames = new ArrayDeque<>();
  private final Registers registers = new Registers();
  private final SharedLayout shared;
  private final Map<String, Callee> callees = new LinkedHashMap<>();
  private int localBytes;

  /** The function with a frame whose code is being made, or null in the kernel. */
  private @Nullable Callee inside;

  private CodeBuilder(ModuleText module, Function kernel, List<Function> framed) {
    this.module = module;
    shared = new SharedLayout(module, kernel, framed);
    framed.forEach(function -> callees.put(function.name(), new Callee(function)));
  }

  /**
   * Builds the code of a kernel.
   *
   * @param framed functions that are called, not expanded
   */
  static Code build(ModuleText module, Function kernel, List<Function> framed) {
    CodeBuilder builder = new CodeBuilder(module, kernel, framed);
    Map<String, Object> parameters = new HashMap<>();
    int offset = 0;
    for (Variable parameter : kernel.parameters()) {
      offset = align(offset, parameter.align());
      parameters.put(parameter.name(), new Symbol(Space.PARAM, offset));
      offset += (int) parameter.bytes();
    }
    builder.callees.values().forEach(builder::build);
    int start = builder.instructions.size();
    builder.expand(kernel, parameters);
    exit(builder.end(kernel));
    return builder.finish(kernel.name(), start);
  }

  private void build(Callee callee) {
    inside = callee;
    callee.start = instructions.size();
    int narrow = registers.narrow();
    int wide = registers.wide();
    int predicates = registers.predicates();
    Map<String, Object> variables = new HashMap<>();
    Function function = callee.function;
    for (int i = 0; i < callee.parameters.length; i++) {
      variables.put(
          function.parameters().get(i).name(),
          new Symbol(Space.LOCAL, callee.parameters[i], null, callee));
    }
    for (int i = 0; i < callee.results.length; i++) {
      variables.put(
          function.results().get(i).name(),
          new Symbol(Space.LOCAL, callee.results[i], null, callee));
    }
    expand(function, variables);
    leave(end(function));
    callee.narrow = new Callee.Range(narrow, registers.narrow());
    callee.wide = new Callee.Range(wide, registers.wide());
    callee.predicates = new Callee.Range(predicates, registers.predicates());
    inside = null;
  }

  /** Adds an instruction behind the last one of a function. */
  private Instr end(Function function) {
    Instr end = new Instr();
    end.line = function.line();
    end.text = "end of " + function.name();
    instructions.add(end);
    return end;
  }

  static int align(int offset, int to) {
    return (offset + to - 1) / to * to;
  }

  private Code finish(String name, int start) {
    for (int i = 0; i < instructions.size(); i++) {
      instructions.get(i).index = i;
    }
    Map<Long, Callee> byAddress = new HashMap<>();
    callees.forEach((function, callee) -> byAddress.put(module.addresses().get(function), callee));
    // Lanes' parts follow each other and stay aligned.
    int stackStart = align(localBytes, 16);
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
        start,
        byAddress,
        stackStart,
        stackStart + (callees.isEmpty() ? 0 : STACK));
  }

  /** Adds the instructions of a function here. */
  void expand(Function function, Map<String, Object> parameters) {
    Frame frame = new Frame();
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
    for (Jump jump : frame.jumps) {
      Integer target = frame.labels.get(jump.label);
      if (target == null) {
        throw module.error(jump.line, "unknown label " + jump.label);
      }
      jump.target.accept(target);
    }
    frames.pop();
  }

  private void translate(Frame frame, Statement statement) {
    switch (statement) {
      case Statement.Open o -> frame.scopes.push(new HashMap<>());
      case Statement.Close c -> frame.scopes.pop();
      case Statement.Label label -> frame.labels.put(label.name(), instructions.size());
      case Statement.Targets t -> frame.scopes.element().put(t.name(), t);
      case Statement.Prototype p -> frame.scopes.element().put(p.name(), p);
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
    int offset;
    if (inside == null) {
      offset = align(localBytes, variable.align());
      localBytes = offset + (int) variable.bytes();
    } else {
      offset = inside.place(variable);
    }
    frame.scopes.element().put(variable.name(), new Symbol(Space.LOCAL, offset, null, inside));
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
      case "brx" -> branch(frame, form);
      case "ret" -> {
        form.take("uni");
        if (frames.size() > 1) {
          jump(frame, instr, END);
        } else if (inside != null) {
          leave(instr);
        } else {
          exit(instr);
        }
      }
      case "exit" -> exit(instr);
      case "call" -> {
        Calls.decode(form);
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
    frame.jumps.add(new Jump(label, instr.line, target -> instr.target = target));
  }

  private static void leave(Instr instr) {
    instr.kind = Kind.JUMP;
    instr.group = Instr.Group.CONTROL;
    instr.destination = (warp, lane) -> warp.calls.leave(lane);
  }

  /** brx.idx: each lane takes the label that its index chooses. */
  private void branch(Frame frame, Form form) {
    if (!form.take("idx")) {
      throw form.refuse(".idx is missing");
    }
    form.take("uni");
    form.needOperands(2, 2);
    if (!(lookup(form.name(1)) instanceof Statement.Targets targets)) {
      throw form.refuse("a list of labels is expected");
    }
    int[] to = new int[targets.labels().size()];
    for (int i = 0; i < to.length; i++) {
      int at = i;
      String label = targets.labels().get(i);
      frame.jumps.add(new Jump(label, form.instr.line, target -> to[at] = target));
    }
    int index = form.source(0, PtxType.U32);
    form.instr.kind = Kind.JUMP;
    form.instr.group = Instr.Group.CONTROL;
    form.instr.destination =
        (warp, lane) -> {
          int chosen = warp.r[index + lane];
          if (chosen < 0 || chosen >= to.length) {
            throw warp.faultAt(
                SimFault.Kind.OUT_OF_BOUNDS, lane, 0, "branch " + chosen + " of " + to.length);
          }
          return to[chosen];
        };
  }

  void add(Instr instr) {
    instructions.add(instr);
  }

  /** Where the next instruction comes. */
  int here() {
    return instructions.size();
  }

  /** The function of that name if it is called with a frame, or null. */
  @Nullable Callee callee(String name) {
    return callees.get(name);
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
    return symbol.isFixed()
        ? wideConstant(symbol.address() + offset)
        : registers.addressOf(symbol, offset);
  }

  /** The register that holds a special register, or -1 if there is none of that name. */
  int special(String name) {
    return registers.special(name);
  }
}
