package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.testkit.CaseCache;
import dev.warpwright.testkit.RerotateKeysContract;
import dev.warpwright.tornado.TornadoContractTest;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RerotateKeysTornadoContractTest extends TornadoContractTest {
  RerotateKeysTornadoContractTest() {
    super(new RerotateKeysContract());
  }

  /** A new scale holds for the elements that are not rotated, too. */
  @ParameterizedTest
  @EnumSource(names = {"I8", "F8E4M3"})
  void whatIsNotRotatedIsCodedAnew(DType dtype) {
    CaseCache.Plan plan =
        new CaseCache.Plan(
            new Heads(1, 2, 2, 16),
            dtype,
            16,
            List.of(40),
            List.of(0),
            false,
            false,
            CaseCache.Order.GAPS,
            1);
    Rope half = new Rope(Rope.Style.ROTATE_HALF, 8, 500);
    try (KernelDevice reference = open("reference", 1);
        KernelDevice device = open("tornado", 1)) {
      new RerotateKeysContract.Case(plan, half, RerotateKeysContract.Target.LATER, 7)
          .run(reference, device);
    }
  }
}
