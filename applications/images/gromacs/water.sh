# Fills a box with water and minimizes its energy: LGI_task submit gromacs 2022.5 sh water.sh
# mdrun uses the cores of the job, which OMP_NUM_THREADS has.
set -e
cp water.top topol.top
gmx -quiet -nobackup solvate -cs spc216 -box 2.5 2.5 2.5 -o box.gro -p topol.top
gmx -quiet -nobackup grompp -f water.mdp -c box.gro -p topol.top -o water.tpr
gmx -quiet -nobackup mdrun -deffnm water -ntmpi 1
