package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.CodeBuilder.Register;
import dev.warpwright.softgpu.sim.CodeBuilder.Symbol;
import dev.warpwright.softgpu.sim.Statement.Instruction;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An instruction that is being decoded: its modifiers are taken one by one, and what nobody took is
 * refused.
 */
final class Form {
  final CodeBuilder code;
  final Instr instr;
  final String base;
  final List<Operand> operands;
  private final Instruction text;
  private final List<String> modifiers;

  Form(CodeBuilder code, Instruction text, Instr instr) {
    this.code = code;
    this.text = text;
    this.instr = instr;
    modifiers = new ArrayList<>(List.of(text.opcode().split("\\.")));
    base = modifiers.removeFirst();
    operands = text.operands();
  }

  PtxException refuse(String why) {
    return code.module.error(text.line(), why + " in `" + text.text() + "`");
  }

  /** Removes a modifier if it is there. */
  boolean take(String modifier) {
    return modifiers.remove(modifier);
  }

  /** Removes and returns the first of these modifiers that is there. */
  @Nullable String takeAny(String... allowed) {
    for (String one : allowed) {
      if (take(one)) {
        return one;
      }
    }
    return null;
  }

  /** Removes and returns one of these modifiers; refuses the instruction if none is there. */
  String takeOne(String... allowed) {
    String found = takeAny(allowed);
    if (found == null) {
      throw refuse("one of ." + String.join(" .", allowed) + " is missing");
    }
    return found;
  }

  /** Removes and returns the first modifier that is a type. */
  PtxType type() {
    for (String modifier : modifiers) {
      PtxType type = PtxType.of(modifier);
      if (type != null) {
        modifiers.remove(modifier);
        return type;
      }
    }
    throw refuse(modifiers.isEmpty() ? "no type" : "unknown type ." + modifiers.getLast());
  }

  /** As {@link #type}, but only one of these. */
  PtxType type(PtxType... allowed) {
    PtxType type = type();
    for (PtxType one : allowed) {
      if (one == type) {
        return type;
      }
    }
    throw refuse("type ." + type.text + " is not for " + base);
  }

  /** Removes and returns the first modifier. */
  String word() {
    if (modifiers.isEmpty()) {
      throw refuse("a modifier is missing");
    }
    return modifiers.removeFirst();
  }

  void needArchitecture(int least) {
    if (code.module.architecture() < least) {
      throw refuse("needs sm_" + least);
    }
  }

  void needOperands(int least, int most) {
    if (operands.size() < least || operands.size() > most) {
      throw refuse(operands.size() + " operands");
    }
  }

  void finish() {
    if (!modifiers.isEmpty()) {
      throw refuse("unknown modifier ." + String.join(" .", modifiers));
    }
  }

  Operand operand(int index) {
    if (index >= operands.size()) {
      throw refuse("operand " + (index + 1) + " is missing");
    }
    return operands.get(index);
  }

  String name(int index) {
    if (operand(index) instanceof Operand.Name name) {
      return name.text();
    }
    throw refuse("operand " + (index + 1) + " must be a name");
  }

  Symbol symbol(Operand operand) {
    if (operand instanceof Operand.Name name && code.lookup(name.text()) instanceof Symbol s) {
      return s;
    }
    throw refuse("a variable is expected");
  }

  /** The variables that a call passes. */
  List<Access> variables(List<Operand> names) {
    return names.stream()
        .map(name -> Access.of(this, new Operand.Address(name, 0), Space.LOCAL, 1))
        .toList();
  }

  @Nullable Register register(Operand operand) {
    return operand instanceof Operand.Name name && code.lookup(name.text()) instanceof Register r
        ? r
        : null;
  }

  /** Destination of exactly this many bits; the sink {@code _} gets a register nobody reads. */
  int target(Operand operand, int bits) {
    if (operand instanceof Operand.Name name && name.text().equals("_") && bits < 64) {
      return code.scratch();
    }
    Register register = register(operand);
    if (register == null || register.bits() != bits) {
      throw refuse("a " + bits + "-bit register is expected as target");
    }
    return register.slot();
  }

  int target(int index, int bits) {
    return target(operand(index), bits);
  }

  int target(int index, PtxType type) {
    return target(operand(index), Math.max(2, type.bytes) * 8);
  }

  /** Source register of a value of this type; literals and addresses become constants. */
  int source(Operand operand, PtxType type) {
    boolean isWide = type.bytes == 8;
    if (operand instanceof Operand.Literal literal) {
      long bits = bits(literal, type);
      return isWide ? code.wideConstant(bits) : code.constant((int) bits);
    }
    if (operand instanceof Operand.Name name) {
      Object found = code.lookup(name.text());
      if (found instanceof Register r) {
        if (r.bits() != Math.max(2, type.bytes) * 8) {
          throw refuse(name.text() + " has " + r.bits() + " bits, not those of ." + type.text);
        }
        return r.slot();
      }
      int special = code.special(name.text());
      if (special >= 0) {
        if (isWide) {
          throw refuse(name.text() + " has 32 bits");
        }
        return special;
      }
      if (found instanceof Symbol s) {
        return address(s, 0, isWide);
      }
      Long function = code.module.addresses().get(name.text());
      if (function != null && isWide) {
        return code.wideConstant(function);
      }
      throw refuse("unknown name " + name.text());
    }
    if (operand instanceof Operand.Address sum
        && sum.base() instanceof Operand.Name name
        && code.lookup(name.text()) instanceof Symbol s) {
      return address(s, sum.offset(), isWide);
    }
    throw refuse("an operand of an unknown shape");
  }

  private int address(Symbol symbol, long offset, boolean isWide) {
    if (isWide) {
      return code.addressOf(symbol, offset);
    }
    if (!symbol.isFixed()) {
      throw refuse("an address of 64 bits");
    }
    return code.constant((int) (symbol.address() + offset));
  }

  int source(int index, PtxType type) {
    return source(operand(index), type);
  }

  private long bits(Operand.Literal literal, PtxType type) {
    long bits = literal.bits();
    return switch (literal.kind()) {
      case INTEGER -> {
        if (type == PtxType.F32) {
          yield Float.floatToRawIntBits((float) bits);
        }
        if (type == PtxType.F64) {
          yield Double.doubleToRawLongBits((double) bits);
        }
        yield type.bytes <= 2 ? bits & 0xffff : bits;
      }
      case F32 -> {
        if (type.bytes == 8) {
          yield type == PtxType.F64
              ? Double.doubleToRawLongBits(Float.intBitsToFloat((int) bits))
              : bits;
        }
        yield (int) bits;
      }
      case F64 -> {
        if (type.bytes == 8) {
          yield bits;
        }
        throw refuse("a 64-bit literal as ." + type.text);
      }
    };
  }

  /** A predicate source. */
  record Predicate(int register, boolean negated) {
    int of(Warp warp) {
      return negated ? ~warp.p[register] : warp.p[register];
    }
  }

  Predicate predicate(Operand operand) {
    if (operand instanceof Operand.Not not) {
      Predicate inner = predicate(not.of());
      return new Predicate(inner.register(), !inner.negated());
    }
    Register register = register(operand);
    if (register == null || register.bits() != 1) {
      throw refuse("a predicate is expected");
    }
    return new Predicate(register.slot(), false);
  }

  Predicate predicate(int index) {
    return predicate(operand(index));
  }

  /** Registers of a vector operand, or of a single one. */
  List<Operand> parts(int index) {
    Operand operand = operand(index);
    return operand instanceof Operand.Vector v ? v.parts() : List.of(operand);
  }

  Operand.Address address(int index) {
    if (operand(index) instanceof Operand.Address address) {
      return address;
    }
    throw refuse("an address is expected");
  }
}
