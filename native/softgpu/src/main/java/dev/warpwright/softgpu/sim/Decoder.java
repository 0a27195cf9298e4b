package dev.warpwright.softgpu.sim;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;

/** Chooses the decoder of an instruction by its name. */
final class Decoder {
  private static final Map<String, Consumer<Form>> BY_NAME = new HashMap<>();

  static {
    Arithmetic.register(BY_NAME);
    CarryInstructions.register(BY_NAME);
    BitInstructions.register(BY_NAME);
    FloatInstructions.register(BY_NAME);
    FloatFunctions.register(BY_NAME);
    MoveInstructions.register(BY_NAME);
    CompareInstructions.register(BY_NAME);
    WarpInstructions.register(BY_NAME);
    SyncInstructions.register(BY_NAME);
    MbarrierInstructions.register(BY_NAME);
    BY_NAME.put("cvt", Conversions::decode);
    BY_NAME.put("ld", LoadStore::load);
    BY_NAME.put("ldu", LoadStore::load);
    BY_NAME.put("st", LoadStore::store);
    BY_NAME.put("atom", Atomics::decode);
    BY_NAME.put("red", Atomics::decode);
    BY_NAME.put("ldmatrix", MatrixLoads::load);
    BY_NAME.put("stmatrix", MatrixLoads::store);
    BY_NAME.put("mma", MatrixInstructions::decode);
  }

  private Decoder() {}

  static void decode(Form form) {
    Consumer<Form> decoder = BY_NAME.get(form.base);
    if (decoder == null) {
      throw form.refuse("unknown instruction " + form.base);
    }
    decoder.accept(form);
  }
}
