"""Names for generated customers, without ``John`` and ``Doe`` on purpose: see `sandbox.datasets.known`.

One word a name: the tables keep first and last names apart, and looking either up should be simple.
"""

from __future__ import annotations

_FIRST = """
Aaron Abena Adeline Adriana Ahmed Aiko Alan Alejandra Alice Amara Amelia Amit Ana Andre Angela Anika
Anthony Antonia Arjun Arthur Aurora Ayesha Barbara Beatriz Bernard Bianca Bogdan Brenda Brian Bruno Camila
Carlos Carmen Caroline Cecilia Charles Chen Chidi Chloe Christine Claire Clara Clifford Connor Cristina
Cyrus Dakota Daniel Daphne David Deborah Diego Dmitri Donna Dorothy Eduardo Edward Eleanor Elena Elijah
Elise Emeka Emily Enrique Eric Esther Eva Evelyn Fatima Felipe Felix Fiona Florence Frances Frank Freya
Gabriel Gavin George Georgia Gloria Grace Greta Gustavo Hana Hannah Haruto Hassan Hector Helen Henrik
Hiroshi Hugo Ibrahim Imani Ines Ingrid Irene Isaac Isabel Ivan Jack Jacob Jamal James Jane Janet Jasmine
Javier Jelena Jennifer Jerome Jesse Joan Joanna Jonathan Jorge José Joseph Joyce Juan Judith Julia Julian
Kamala Karen Karl Kate Katrin Keiko Kenji Kevin Khadija Kofi Kwame Lakshmi Lars Laura Leah Leila Leonard
Leticia Liam Lina Louise Lucas Lucía Luis Luther Magnus Malik Manuel Marcus Margaret Maria Mariam Marta
Martin Matteo Maya Megan Mercedes Miguel Mina Miriam Mohammed Monica Nadia Naomi Natalia Nathan Nia
Nicholas Nikolai Nina Noah Noor Olga Oliver Olivia Omar Oscar Otto Pamela Patricia Paul Pedro Peter Petra
Philip Pilar Quentin Rachel Rafael Rajesh Ramona Raymond Rebecca Renée Ricardo Richard Robert Rohan Roland
Rosalie Ruth Ryan Salma Samuel Sana Sandra Sanjay Sarah Scott Sergei Shauna Shirin Simon Sofia Sonja
Stella Stephen Sunita Susan Sven Takeshi Tamara Teresa Thabo Theodore Thomas Tomás Tuan Ursula Valentina
Vanessa Vera Victor Vikram Vincent Virginia Walter Wei Wendy William Xavier Yara Yasmin Yolanda Yuki Yusuf
Zainab Zoë Zora
"""

_LAST = """
Achterberg Adeyemi Aguilar Ahlström Alvarado Amadi Andersen Andrade Antonelli Appiah Arsenault Ashworth
Bakker Balogun Banerjee Barlow Barros Beaumont Becerra Bellini Bergström Bianchi Blackwood Boateng
Bondarenko Bouchard Brennan Brightwell Bui Burnside Caballero Calloway Cardoso Castellanos Chakraborty
Chandler Chaudhry Cheung Chowdhury Christensen Cisneros Clemens Coleridge Contreras Corrigan Costa Crawley
Dalgaard Danjuma Darwish Das Delacroix Delgado Desai Dimitrov Donnelly Dubois Duarte Dvořák Eastman Ebert
Echeverría Eklund Elmasri Engel Escobar Espinoza Fairbanks Farouk Ferreira Figueroa Fitzgerald Fontaine
Fujimoto Gallagher Garnett Georgiou Ghosh Giordano Goldberg Gonçalves Granger Grimaldi Guerrero Gunnarsson
Gupta Haddad Halvorsen Hamid Hargrove Hartmann Hashimoto Hawthorne Hayashi Henriksen Herrera Hidalgo
Hightower Hoffmann Holloway Horváth Huang Hussain Ibarra Ikeda Iyer Jankowski Jansen Jefferson Jimenez
Joshi Juarez Kamau Kapoor Karlsson Kaufman Kaya Keller Kennedy Khalil Kim Kimura Kirkland Kiplagat Koch
Kovač Kowalski Krüger Kumar Lachance Lambert Larkin Laurent Lefebvre Leung Levine Lindholm Lombardi Lopez
Lovell Lundgren Macdonald Machado Maddox Maeda Magnusson Mahmoud Maldonado Mancini Marchetti Marlowe
Matsumoto Mbeki McAllister McKenzie Medina Mehta Mendoza Mensah Meyer Middleton Moreau Morgenstern Morrow
Mukherjee Müller Nakagawa Navarro Ndiaye Nevarez Nguyen Nielsen Novak Nwosu O'Brien O'Connell Oakley Obi
Ochoa Odhiambo Okamoto Olsen Orellana Ortega Osei Otieno Oyelaran Pacheco Padilla Papadopoulos Park Pascoe
Patel Pedersen Pellegrini Pereira Petrov Pham Pickering Pineda Popescu Prescott Quintero Rahman Ramírez
Rao Rasmussen Redfern Reyes Richter Rivera Rojas Romero Rosenthal Rossi Rousseau Saint-Clair Sakamoto
Salazar Sandoval Santiago Sato Schneider Sepulveda Shapiro Sharma Shimizu Silva Singh Solomon Sørensen
Sokolov Soto Steadman Stewart Sutherland Svoboda Takahashi Tamm Tembo Thackeray Thibault Thornton Toivonen
Torres Tran Trujillo Tsai Ueda Underhill Valdez Vance Vargas Vasquez Velasco Venter Verma Villareal Vogel
Volkov Wainwright Wanjiru Watanabe Weaver Webb Weiss Wentworth Whitaker Winslow Wójcik Wong Woodruff
Yamada Yang Yılmaz Yoshida Zapata Zhang Zhou Zielinski Zimmermann Zubair
"""

FIRST_NAMES: tuple[str, ...] = tuple(_FIRST.split())
LAST_NAMES: tuple[str, ...] = tuple(_LAST.split())
